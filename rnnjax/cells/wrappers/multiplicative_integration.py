"""Multiplicative integration, of any cell that adds a drive and a pull."""

import jax
from jax.nn import initializers
from jax.tree_util import keystr, tree_leaves_with_path

from rnnjax.base import (
    Array,
    Cell,
    Factors,
    Params,
    cached,
    factored_cell,
    prepared,
)
from rnnjax.cells.elman import elman
from rnnjax.initializers import Initializer

HALF = initializers.constant(0.5)


def multiplicative_integration_step(
    params: Params, carry: Array, inputs: Array
) -> tuple[Array, Array]:
    """Computes one step of a simple recurrent network that integrates by products.

        hₜ = tanh(α ∘ (W xₜ) ∘ (U hₜ₋₁) + β₁ ∘ (U hₜ₋₁) + β₂ ∘ (W xₜ) + b)

    Args:
      params: dict of `cell`, the parameters of an `elman` without bias, `product` α,
        `recurrent_scale` β₁, `kernel_scale` β₂ and `bias` b, `[hidden_size]` each.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Wu, Zhang, Zhang, Bengio and Salakhutdinov, "On Multiplicative Integration with
      Recurrent Neural Networks", NeurIPS 2016, equation 4.
    """
    cell = multiplicative_integration(elman(1, use_bias=False))  # of any width
    return cell.step(params, carry, inputs)


@cached
def multiplicative_integration(
    cell: Cell,
    *,
    product_init: Initializer = initializers.ones,
    scale_init: Initializer = HALF,
    bias_init: Initializer = initializers.zeros,
) -> Cell:
    """Makes a cell integrate input and carry by products, as well as by sums.

    Wherever the cell adds what the input drives and what the carry pulls, all its gates
    included, α, β₁, β₂ and b of `multiplicative_integration_step` take the sum's place.

    Args:
      cell: one whose drive and pull are one array each, without a bias: `elman`,
        `lstm`, `janet` or `ugrnn` with `use_bias=False`.
      product_init: initializer of α.
      scale_init: initializer of β₁ and β₂.
      bias_init: initializer of b.

    Returns:
      The cell, over the other's carry.

    Raises:
      ValueError: if the cell has no factors, or, when parameters are drawn, a drive and
        a pull that are not one array each, or a bias.

    Example:
      >>> cell = multiplicative_integration(rnnjax.lstm(4, use_bias=False))
      >>> params = cell.init(jax.random.key(0), 3)
      >>> params["product"].shape
      (16,)

    References:
      Wu, Zhang, Zhang, Bengio and Salakhutdinov, "On Multiplicative Integration with
      Recurrent Neural Networks", NeurIPS 2016, appendix A for the LSTM.
    """
    factors = cell.factors
    if factors is None:
        raise ValueError("cell must have factors, got a step alone.")

    def recur_first(params):
        params = prepared(cell, params)
        return factors.recur(params, cell.initial_carry(params))

    def init(key, input_size):
        keys = jax.random.split(key, 5)
        own = cell.init(keys[0], input_size)
        if any("bias" in keystr(path) for path, _ in tree_leaves_with_path(own)):
            raise ValueError(
                "cell must have no bias, which is added here, got one: make it with "
                "use_bias=False."
            )
        pull = jax.eval_shape(recur_first, own)
        if not isinstance(pull, jax.ShapeDtypeStruct):
            raise ValueError(f"cell must have a pull of one array, got {pull}.")
        shape, dtype = pull.shape, pull.dtype
        return {
            "cell": own,
            "product": product_init(keys[1], shape, dtype),
            "recurrent_scale": scale_init(keys[2], shape, dtype),
            "kernel_scale": scale_init(keys[3], shape, dtype),
            "bias": bias_init(keys[4], shape, dtype),
        }

    def initial_carry(params, batch_shape=()):
        return cell.initial_carry(params["cell"], batch_shape)

    def prepare(params):
        return params | {"cell": prepared(cell, params["cell"])}

    return factored_cell(
        init,
        initial_carry,
        _integrating(factors),
        prepare=None if cell.prepare is None else prepare,
    )


@cached
def _integrating(factors):
    """A pre-activation is (drive, pull), kept apart."""

    def project(params, inputs):
        return factors.project(params["cell"], inputs), None

    def recur(params, carry):
        return None, factors.recur(params["cell"], carry)

    def update(params, carry, pre):
        drive, pull = pre
        whole = params["product"] * drive * pull + params["recurrent_scale"] * pull
        whole = whole + params["kernel_scale"] * drive + params["bias"]
        return factors.update(params["cell"], carry, whole)

    def readout(params, carry, inputs):
        return factors.readout(params["cell"], carry, inputs)

    return Factors(project, recur, update, readout)
