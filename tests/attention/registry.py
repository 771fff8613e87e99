"""Cells and layers that attend, for the contracts, to a memory of rows of width 4."""

import functools

import jax
import jax.numpy as jnp

from rnnjax import dense, gru, lstm, min_gru, recurrent, stack
from rnnjax.attention import (
    Memory,
    additive,
    attend_after,
    attend_before,
    attention_layer,
    beside_weights,
    bind_memory,
    coverage,
    dot,
    general,
    location_aware,
    multi_head,
    window,
)
from rnnjax.attention.cell_stack import cell_stack
from rnnjax.layers import (
    bind_source,
    copying,
    memory_rows,
    pointer,
    pointwise,
    take_once,
)
from tests.cases import CellCase, LayerCase, draw_tokens


def with_memory(reader, is_masked=True):
    """Makes a cell or layer whose `init` binds a memory that all sequences share.

    It has 6 rows of width 4, some of them masked unless told otherwise.
    """

    def init(key, input_size):
        values = jax.random.normal(key, (6, 4))
        mask = jnp.array([True, True, False, True, True, False])
        memory = Memory(values, mask if is_masked else None)
        return bind_memory(reader.init(key, input_size), memory)

    return reader._replace(init=init)


def with_source(reader):
    """Makes a layer whose `init` also binds the tokens of that memory."""

    def init(key, input_size):
        return bind_source(reader.init(key, input_size), jnp.array([6, 0, 1, 3, 6, 8]))

    return reader._replace(init=init)


SHOWING = attend_before(gru(5), additive(6), 4, show_weights=True)
JOINING = pointwise(
    lambda key, size: {},
    lambda params, shown: jnp.concatenate([shown["outputs"], shown["weights"]], -1),
)
SHARES = pointwise(lambda key, size: {}, lambda params, logits: jax.nn.softmax(logits))
CELLS = [
    CellCase(
        "attend_before_additive",
        lambda: with_memory(attend_before(gru(5), additive(6), 4)),
        of=attend_before,
        values_on_every_engine=True,
    ),
    CellCase(
        "attend_after_window",
        lambda: with_memory(attend_after(lstm(5), window(2), 4, show_weights=True)),
        of=attend_after,
        values_on_every_engine=True,
    ),
    *(
        CellCase(f"attend_{name}", functools.partial(with_memory, cell), slow=True)
        for name, cell in {
            "before_dot": attend_before(lstm(4), dot(), 4),
            "before_window": attend_before(gru(5), window(2), 4),
            "after_general": attend_after(gru(5), general(), 4, feed=False),
            "after_multi_head": attend_after(
                lstm(5), multi_head(6, 2), 4, output_size=3, show_weights=True
            ),
            "after_coverage": attend_after(gru(5), coverage(6), 4),
            "after_location_aware": attend_after(
                lstm(5), location_aware(6, 3, 2), 4, output_size=3
            ),
            "after_two_layers": attend_after(
                cell_stack(lstm(5), gru(4)), additive(6), 4, output_size=3
            ),
            "after_gates_of_inputs": attend_after(min_gru(5), general(), 4),
        }.items()
    ),
]

LAYERS = [
    LayerCase(
        "pointer",
        pointer,
        lambda engine: with_memory(pointer(5, 4), is_masked=False),  # no logits of -inf
    ),
    LayerCase(
        "memory_rows",
        memory_rows,
        lambda engine: with_memory(memory_rows(4)),
        input_size=6,
        draw=draw_tokens,
    ),
    LayerCase(
        "take_once",
        take_once,
        lambda engine: with_memory(
            stack(
                take_once(
                    stack(
                        memory_rows(4), recurrent(gru(5), engine=engine), pointer(3, 4)
                    )
                ),
                SHARES,
            ),
            is_masked=False,  # row 0 is real
        ),
        input_size=6,
        draw=draw_tokens,
    ),
    LayerCase(
        "copying",
        copying,
        lambda engine: with_source(with_memory(copying(9, 6, 4))),
    ),
    LayerCase(
        "attention_layer",
        attention_layer,
        lambda engine: with_memory(attention_layer(additive(6), 4, 5)),
    ),
    LayerCase(
        "beside_weights",
        beside_weights,
        lambda engine: with_memory(
            stack(recurrent(SHOWING, engine=engine), beside_weights(dense(3)), JOINING)
        ),
    ),
]
