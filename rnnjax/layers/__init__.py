"""Layers: functions of whole sequences, and what combines them."""

from rnnjax.layers.causal import causal_layer, pointwise
from rnnjax.layers.dense import dense
from rnnjax.layers.dropout import dropout
from rnnjax.layers.recurrent import bidirectional, recurrent
from rnnjax.layers.stack import stack
from rnnjax.layers.tokens import embed, look_up, one_hot

__all__ = [
    "bidirectional",
    "causal_layer",
    "dense",
    "dropout",
    "embed",
    "look_up",
    "one_hot",
    "pointwise",
    "recurrent",
    "stack",
]
