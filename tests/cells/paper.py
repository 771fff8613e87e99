"""What the tests of cells against their papers share."""

import functools

import jax
import numpy as np

from rnnjax.unroll import unroll
from tests.cases import draw_vectors
from tests.differences import difference_gradient
from tests.loop import in_numpy
from tests.pytrees import assert_close, draw_like, part

T, B, D, H = 7, 3, 2, 5


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_gate(matrix, names):
    """Parts what stands side by side, a gate a name."""
    return dict(zip(names, np.split(matrix, len(names), axis=-1)))


def draw(cell, seed=0, scale=0.6, input_size=D):
    """Draws parameters in float64 and inputs `[T, B, *input_size]`."""
    rng = np.random.default_rng(seed)
    params = draw_params(rng, cell, input_size, scale=scale)
    return params, draw_vectors(rng, (T, B), input_size)


def draw_initial(cell, input_size=D):
    """Draws the parameters of `cell.init`, in float64, and inputs like `draw`."""
    params = cell.init(jax.random.key(0), input_size)
    inputs = np.random.default_rng(0).normal(size=(T, B, input_size))
    return jax.tree.map(np.float64, params), inputs


def layer_norm(x, scale, epsilon=1e-5):
    """Equation 4 of Ba et al. 2016."""
    centred = x - x.mean(-1, keepdims=True)
    return scale * centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)


def pre_activation(params, x, h):
    """Computes U x + W h + b, without b where the cell has none."""
    total = x @ params["kernel"] + h @ params["recurrent_kernel"]
    return total + params.get("bias", 0)


def with_outputs(step):
    """Makes a `from_paper` of a step `(params, *carry, x) -> (carry, outputs)`."""

    def from_paper(params, carry, inputs):
        outputs = []
        for x in inputs:
            carry, shown = step(params, *carry, x)
            outputs.append(shown)
        return carry, np.stack(outputs)

    return from_paper


def over_time(step):
    """Makes a `from_paper` of a step `(params, *carry, x) -> carry`.

    The step returns one array or a tuple, whose first array is also the output.
    """

    def showing(params, *carry_and_x):
        carry = step(params, *carry_and_x)
        carry = carry if isinstance(carry, tuple) else (carry,)
        return carry, carry[0]

    return with_outputs(showing)


def check_step_of_paper(cell, step, input_size=D):
    """Compares like `check_against_paper`, with a step as for `over_time`."""
    check_against_paper(cell, over_time(step), input_size)


def check_first_gate_keeps_carry(cell, bias):
    """Checks that the carry stays as it is where `bias` saturates the first gate."""
    params, inputs = draw(cell, seed=1, scale=1.0)
    params["bias"][:H] = bias
    carry = np.random.default_rng(2).normal(size=(B, H))
    last, _ = unroll(cell, params, inputs, carry=carry)
    assert_close(last, carry, 1e-15)


def check_against_paper(cell, from_paper, input_size=D):
    """Compares a cell, values and gradients, with a NumPy loop in float64.

    Args:
      cell: the cell.
      from_paper: `(params, leaves of the carry, inputs) -> (leaves, outputs)`.
      input_size: what `init` is given.
    """
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(lambda key: cell.init(key, input_size), jax.random.key(0))
    params = draw_like(rng, shapes, scale=0.6)
    inputs = draw_vectors(rng, (T, B), input_size)
    like, outputs_like = jax.eval_shape(functools.partial(unroll, cell), params, inputs)
    carry = draw_like(rng, like, scale=1.0)
    leaves, carry_def = jax.tree.flatten(carry)
    floats, put_back = part(leaves)
    weights = draw_like(rng, (leaves, outputs_like), scale=1.0)

    def weighted(carry, outputs):
        last = sum((w * x).sum() for w, x in zip(weights[0], carry))
        return last + (weights[1] * outputs).sum()

    @in_numpy
    def run(params, floats, inputs):
        def score(params, floats, inputs):
            carry = carry_def.unflatten(put_back(floats))
            carry, outputs = unroll(cell, params, inputs, carry=carry)
            carry = jax.tree.leaves(carry)
            return weighted(carry, outputs), (carry, outputs)

        return jax.value_and_grad(score, (0, 1, 2), has_aux=True)(
            params, floats, inputs
        )

    (_, (last, outputs)), grads = run(params, floats, inputs)
    want = from_paper(params, leaves, inputs)
    assert_close((last, outputs), (list(want[0]), want[1]), 1e-12)

    arrays = params | {"inputs": inputs}
    arrays |= {f"carry{i}": x for i, x in enumerate(floats)}

    def score_of_paper(arrays):
        leaves = put_back([arrays[f"carry{i}"] for i in range(len(floats))])
        own = {name: arrays[name] for name in params}
        return weighted(*from_paper(own, leaves, arrays["inputs"]))

    want_grads = difference_gradient(score_of_paper, arrays)
    got_grads = grads[0] | {"inputs": grads[2]}
    got_grads |= {f"carry{i}": x for i, x in enumerate(grads[1])}
    assert_close(got_grads, want_grads, 1e-7)


def affine(params, x, names):
    """Computes U x + b by gate."""
    return by_gate(x @ params["kernel"] + params["bias"], names)


def draw_params(rng, cell, input_size=D, dtype=np.float64, scale=1.0):
    """Draws the parameters of a cell from normal distributions, biases included."""
    shapes = jax.eval_shape(lambda key: cell.init(key, input_size), jax.random.key(0))
    return draw_like(rng, shapes, dtype, scale)
