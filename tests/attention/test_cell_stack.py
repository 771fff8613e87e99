"""A cell of cells against the stack that runs layer by layer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import elman, gru, lstm, recurrent, stack, unroll
from rnnjax.attention.cell_stack import cell_stack
from rnnjax.cells.wrappers.learned_initial_carry import learned_initial_carry
from tests import user_cells
from tests.cells.paper import B, D, T
from tests.loop import in_numpy
from tests.pytrees import assert_close, draw_like, part


def test_equals_stack(x64):
    """Values, last carry and gradients, with gaps and resets."""
    cells = lstm(5), learned_initial_carry(gru(4)), elman(3)
    cell, layer = cell_stack(*cells), stack(*map(recurrent, cells))
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(lambda key: cell.init(key, D), jax.random.key(0))
    params, inputs = draw_like(rng, shapes), rng.normal(size=(T, B, D))
    marks = {"mask": rng.random((T, B)) < 0.7, "is_first": rng.random((T, B)) < 0.3}

    @in_numpy
    def both(params, inputs):
        def of_cell(params, inputs):
            return unroll(cell, params, inputs, **marks)

        def of_layer(params, inputs):
            return layer.apply(params, None, inputs, **marks)

        def score(run):
            return lambda *args: sum(jnp.sin(x).sum() for x in part(run(*args))[0])

        return [
            (run(params, inputs), jax.grad(score(run), (0, 1))(params, inputs))
            for run in (of_cell, of_layer)
        ]

    assert_close(*both(params, inputs), 1e-12)


def test_one_cell_and_sizes():
    cells = lstm(5), gru(4)
    of_both = cell_stack(*cells).init(jax.random.key(0), D)
    assert of_both[1]["kernel"].shape == (5, 12)
    assert cell_stack(*cells) is cell_stack(*cells)
    assert cell_stack(*cells).prepare is None


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ((), "cells must be at least one, got none"),
        ((lstm(5), user_cells.counting(4)), "cell must have factors, got one that is"),
    ],
)
def test_what_it_refuses(cells, message):
    with pytest.raises(ValueError, match=message):
        cell_stack(*cells)
