"""One direction's weights: ONNX's W, R, B and P, and our parameters."""

import numpy as np

from rnnjax.base import Params
from rnnjax.convert.onnx_operators import OPERATORS, Attributes
from rnnjax.convert.weights import nothing_like

Weights = dict[str, np.ndarray]


def shapes_of_weights(
    operator: str, hidden_size: int, input_size: int
) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of one direction's W, R, B and P."""
    width = len(OPERATORS[operator].gates) * hidden_size
    return {
        "W": (width, input_size),
        "R": (width, hidden_size),
        "B": (2 * width,),
        "P": (3 * hidden_size,),
    }


def params_from_weights(
    operator: str, attributes: Attributes, weights: Weights
) -> Params:
    """Returns the parameters that one direction's weights are equal to.

    The biases of inputs and recurrence are added, which rounds once; only the candidate
    of a GRU that resets after the product keeps both.

    Args:
      operator: "RNN", "LSTM" or "GRU".
      attributes: the node's.
      weights: W, R and, if the node has them, B and P.
    """
    gates, order = OPERATORS[operator].gates, _order(operator, attributes)
    reset_before = operator == "GRU" and not attributes.linear_before_reset
    reset_after = operator == "GRU" and not reset_before

    def side_by_side(matrix, letters=order):
        blocks = dict(zip(gates, np.split(matrix, len(gates))))
        return np.concatenate([blocks[letter].T for letter in letters], axis=-1)

    params = {"kernel": side_by_side(weights["W"])}
    if reset_before:
        params["recurrent_kernel"] = side_by_side(weights["R"], order[:-1])
        params["candidate_kernel"] = side_by_side(weights["R"], order[-1])
    else:
        params["recurrent_kernel"] = side_by_side(weights["R"])
    if "B" in weights:
        bias, second = (side_by_side(half) for half in np.split(weights["B"], 2))
        if reset_after:
            candidate = np.split(second, 3)[-1]
            params["candidate_bias"] = candidate.copy()
            candidate[:] = nothing_like(candidate)
        params["bias"] = bias + second
    if "P" in weights:
        for letter, peephole in zip("iof", np.split(weights["P"], 3)):
            if letter in order:
                params[f"peephole_{letter}"] = peephole.copy()
    return params


def weights_from_params(
    operator: str, attributes: Attributes, params: Params
) -> Weights:
    """Returns one direction's W, R and, if there are any, B and P.

    Whatever ONNX has and the cell has not is zero: second biases, the forget gate of
    coupled gates, missing peepholes.

    Args:
      operator: "RNN", "LSTM" or "GRU".
      attributes: the node's.
      params: the parameters of one of the operator's cells, NumPy arrays.
    """
    gates, order = OPERATORS[operator].gates, _order(operator, attributes)

    def below(matrix):
        blocks = dict(zip(order, np.split(matrix, len(order), axis=-1)))
        nothing = np.zeros_like(blocks["i" if "i" in order else "r"])
        return np.concatenate([blocks.get(letter, nothing).T for letter in gates])

    recurrent = params["recurrent_kernel"]
    if "candidate_kernel" in params:
        recurrent = np.concatenate([recurrent, params["candidate_kernel"]], axis=-1)
    weights = {"W": below(params["kernel"]), "R": below(recurrent)}
    if "bias" in params:
        second = nothing_like(params["bias"])
        if "candidate_bias" in params:
            np.split(second, 3)[-1][:] = params["candidate_bias"]
        weights["B"] = np.concatenate([below(params["bias"]), below(second)])
    peepholes = {letter: params.get(f"peephole_{letter}") for letter in "iof"}
    if any(peephole is not None for peephole in peepholes.values()):
        nothing = np.zeros_like(recurrent[:, 0])
        weights["P"] = np.concatenate(
            [nothing if one is None else one for one in peepholes.values()]
        )
    return weights


def _order(operator, attributes):
    """Returns the letters of our gates; coupled gates have no f."""
    order = OPERATORS[operator].order
    return order.replace("f", "") if attributes.input_forget else order
