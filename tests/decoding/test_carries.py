"""Where the batch is in a carry: of every causal layer, against a batch of one."""

import jax
import numpy as np
import pytest

from rnnjax import hoisted
from rnnjax.decoding.carries import batch_axes, take_beams
from tests.every import CAUSAL_LAYERS, every_alone
from tests.layer_programs import layer_shapes
from tests.loop import in_numpy
from tests.programs import draw_inputs


def moved_in_front(axes, carry):
    """Moves the batch to the front of every leaf; those without one are repeated."""

    def move(axis, x):
        return np.stack([x] * 4) if axis is None else np.moveaxis(x, axis, 0)

    return jax.tree.map(move, axes, carry, is_leaf=lambda axis: axis is None)


@every_alone(CAUSAL_LAYERS)
def test_rows_along_the_axes_are_the_carries_of_each_sequence(case):
    """The carry after three steps, whose leaves all differ from row to row."""
    layer = case.layer(hoisted)
    rng = np.random.default_rng(0)
    inputs = draw_inputs(case, rng, (3, 4), np.float32)
    params, _, _ = layer_shapes(case, layer, (3, 4))
    params = jax.tree.map(
        lambda x: (0.4 * rng.normal(size=x.shape)).astype(x.dtype), params
    )

    def last_carry(x):
        return layer.apply(params, None, x)[0]

    @in_numpy
    def run(inputs):
        return last_carry(inputs), jax.vmap(last_carry, in_axes=1)(inputs)

    together, want = run(inputs)
    got = moved_in_front(batch_axes(layer, params), together)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, 1e-4, 1e-5), got, want)


@pytest.mark.parametrize("batch", [(), (4,), (2, 5)])
def test_beams_are_taken_row_by_row(batch):
    """A clock, a leaf that starts with the batch, and one that has it second."""
    rng = np.random.default_rng(1)
    axes = {"clock": None, "h": 0, "queue": 1}
    carry = {
        "clock": np.arange(3),
        "h": rng.normal(size=(3, *batch, 7)),
        "queue": rng.normal(size=(3, 6, *batch, 7)),
    }
    beams = rng.integers(3, size=(3, *batch))
    got = take_beams(axes, carry, beams)
    np.testing.assert_array_equal(got["clock"], carry["clock"])
    for k, *row in np.ndindex(3, *batch):
        source = beams[k, *row]
        np.testing.assert_array_equal(
            got["h"][k, *row], carry["h"].astype(np.float32)[source, *row]
        )
        np.testing.assert_array_equal(
            got["queue"][k, :, *row], carry["queue"].astype(np.float32)[source, :, *row]
        )
