"""Attention: cells and layers that read a memory beside their inputs.

    cell = attend_before(rnnjax.gru(256), additive(128), memory_size=512)
    params = cell.init(key, input_size)
    bound = bind_memory(params, Memory(encoded, mask))
    carry, outputs = rnnjax.unroll(cell, bound, inputs)

How to attend is `additive`, `dot`, `general`, `multi_head`, `location_aware`,
`coverage`, `window` or `uniform`; when is `attend_before` or `attend_after` a cell's
step, or `attention_layer` over all steps at once; `beside_weights` puts a layer after
one that shows its weights. `cell_stack` puts several layers under one attention.
`query_pooling` and `additive_pooling` sum up a sequence.
"""

from rnnjax.attention.after import attend_after
from rnnjax.attention.attentive import AttentiveCarry
from rnnjax.attention.base import Attention, masked_softmax
from rnnjax.attention.before import attend_before
from rnnjax.attention.cell_stack import cell_stack
from rnnjax.attention.content import additive, dot, general, uniform
from rnnjax.attention.head import beside_weights
from rnnjax.attention.layer import attention_layer
from rnnjax.attention.memory import Memory, bind_memory
from rnnjax.attention.multi_head import multi_head
from rnnjax.attention.pooling import Pooling, additive_pooling, query_pooling
from rnnjax.attention.positional import coverage, location_aware, window

__all__ = [
    "Attention",
    "AttentiveCarry",
    "Memory",
    "Pooling",
    "additive",
    "additive_pooling",
    "attend_after",
    "attend_before",
    "attention_layer",
    "beside_weights",
    "bind_memory",
    "cell_stack",
    "coverage",
    "dot",
    "general",
    "location_aware",
    "masked_softmax",
    "multi_head",
    "query_pooling",
    "uniform",
    "window",
]
