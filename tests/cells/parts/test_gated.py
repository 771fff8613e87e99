"""How the matrices of gates that stand side by side are drawn."""

import jax
import jax.numpy as jnp
import pytest

from rnnjax.cells.parts.gated import gated_init


def draw_widths(key, shape, dtype):
    """Fills each matrix that is drawn with its own width."""
    return jnp.full(shape, shape[-1], dtype)


@pytest.mark.parametrize(("as_whole", "width"), [(False, 2), (True, 6)])
def test_kernel_is_drawn_gate_by_gate_or_as_a_whole(as_whole, width):
    draws = {"kernel_init": draw_widths, "recurrent_kernel_init": draw_widths}
    init = gated_init(2, "rzn", kernel_as_whole=as_whole, **draws)
    params = init(jax.random.key(0), 5)
    assert params["kernel"].shape == (5, 6)
    assert (params["kernel"] == width).all()
    assert (params["recurrent_kernel"] == 2).all()  # always gate by gate
