"""What the tests of cells against their papers share."""

import functools

import jax
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from rnnjax.unroll import unroll
from tests.cases import draw_vectors
from tests.differences import differences_along
from tests.loop import in_numpy
from tests.pytrees import assert_close, draw_like, part

T, B, D, H = 7, 3, 2, 5


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


IN_NUMPY = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": sigmoid,
    "sin": np.sin,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "tanh": np.tanh,
}


def by_gate(matrix, names):
    """Parts what stands side by side, a gate a name."""
    return dict(zip(names, np.split(matrix, len(names), axis=-1)))


def draw_params(rng, cell, input_size=D, dtype=np.float64, scale=1.0):
    """Draws the parameters of a cell from normal distributions, biases included."""
    shapes = jax.eval_shape(lambda key: cell.init(key, input_size), jax.random.key(0))
    return draw_like(rng, shapes, dtype, scale)


def draw(cell, seed=0, scale=0.6, input_size=D):
    """Draws parameters in float64 and inputs `[T, B, *input_size]`."""
    rng = np.random.default_rng(seed)
    params = draw_params(rng, cell, input_size, scale=scale)
    return params, draw_vectors(rng, (T, B), input_size)


def initial(cell, input_size=D):
    """Returns what `cell.init` draws, in NumPy."""
    return in_numpy(lambda key: cell.init(key, input_size))(jax.random.key(0))


def layer_norm(x, scale, epsilon=1e-5):
    """Equation 4 of Ba et al. 2016."""
    centred = x - x.mean(-1, keepdims=True)
    return scale * centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)


def pre_activation(params, x, h):
    """Computes U x + W h + b, without b where the cell has none."""
    total = x @ params["kernel"] + h @ params["recurrent_kernel"]
    return total + params.get("bias", 0)


def affine(params, x, names):
    """Computes U x + b by gate, without b where the cell has none."""
    return by_gate(x @ params["kernel"] + params.get("bias", 0), names)


def equals_paper(make, *options, hidden_size=H, input_size=D):
    """Makes a test of a cell from a step in NumPy, as its paper writes it.

    The step is a function as for `over_time`, which also takes the maker's options. The
    contract of public steps asserts that without biases all cells are as with zeros.

    Args:
      make: makes the cell, `(hidden_size, **options) -> cell`.
      *options: what the maker is given, a dict for each case; none: its defaults.
      hidden_size: given to the maker.
      input_size: given to the cell's `init`.
    """

    def test_of(step):
        @pytest.mark.parametrize("options", options or [{}])
        def test(x64, options):
            from_paper = over_time(functools.partial(step, **options))
            cell = make(hidden_size, **options)
            check_against_paper(cell, from_paper, input_size)

        test.__doc__ = step.__doc__
        return test

    return test_of


def over_time(step):
    """Makes a loop `(params, leaves of the carry, inputs) -> (leaves, outputs)`.

    The step takes the parameters, every array of the carry, and the inputs. It returns
    the new carry, an array or a tuple, whose first array is also the output; or a tuple
    that is the carry, and the output.
    """

    def from_paper(params, carry, inputs):
        outputs = []
        for x in inputs:
            new = step(params, *carry, x)
            new = new if isinstance(new, tuple) else (new,)
            carry, shown = new if isinstance(new[0], tuple) else (new, new[0])
            outputs.append(shown)
        return carry, np.stack(outputs)

    return from_paper


def check_against_paper(cell, from_paper, input_size=D):
    """Compares a cell, values and gradients, with a NumPy loop in float64.

    Args:
      cell: the cell, all of whose parameters the loop must need.
      from_paper: `(params, leaves of the carry, inputs) -> (leaves, outputs)`.
      input_size: what `init` is given.
    """
    rng = np.random.default_rng(0)
    params = draw_params(rng, cell, input_size, scale=0.6)
    inputs = draw_vectors(rng, (T, B), input_size)
    like, outputs_like = jax.eval_shape(functools.partial(unroll, cell), params, inputs)
    leaves, carry_def = jax.tree.flatten(draw_like(rng, like, scale=1.0))
    floats, put_back = part(leaves)
    weights = draw_like(rng, (leaves, outputs_like), scale=1.0)

    def weighted(carry, outputs):
        last = sum((w * x).sum() for w, x in zip(weights[0], carry))
        return last + (weights[1] * outputs).sum()

    def score(params, floats, inputs):
        carry = carry_def.unflatten(put_back(floats))
        carry, outputs = unroll(cell, params, inputs, carry=carry)
        carry = jax.tree.leaves(carry)
        return weighted(carry, outputs), (carry, outputs)

    arguments = params, floats, inputs
    run = in_numpy(jax.value_and_grad(score, (0, 1, 2), has_aux=True))
    (_, (last, outputs)), grads = run(*arguments)
    want_last, want_outputs = from_paper(params, leaves, inputs)
    assert_close((last, outputs), (list(want_last), want_outputs), 1e-12)

    def score_of_paper(arguments):
        params, floats, inputs = arguments
        return weighted(*from_paper(params, put_back(floats), inputs))

    directions = jax.tree.map(lambda x: rng.normal(size=(3, *x.shape)), arguments)
    want = differences_along(score_of_paper, arguments, directions)
    got = jax.tree.map(lambda d, x: np.tensordot(d, x, x.ndim), directions, grads)
    assert_close(got, want, 1e-7)
    unread = [x.shape for x in jax.tree.leaves(grads[0]) if not np.any(x)]
    assert not unread, f"no equation needs the parameters of shapes {unread}"


def check_integrates(make, params, slope):
    """Checks that a cell follows a differential equation, twice as near at half steps.

    Args:
      make: makes a cell of steps of a length, `dt -> cell`.
      params: its parameters.
      slope: dh/dt, `(h, x) -> [H]`.
    """
    rng = np.random.default_rng(1)
    x, h = rng.normal(size=D), rng.normal(size=H)
    exact = solve_ivp(lambda t, h: slope(h, x), (0, 1), h, rtol=1e-10, atol=1e-12)
    distances = []
    for num_steps in (200, 400):
        inputs = np.broadcast_to(x, (num_steps, D))
        last, _ = unroll(make(1 / num_steps), params, inputs, carry=h)
        distances.append(np.abs(last - exact.y[:, -1]).max())
    assert distances[0] < 0.01
    assert 1.9 < distances[0] / distances[1] < 2.1
