"""The engines of rnnjax as contenders."""

from typing import Any

import jax

import rnnjax
from experiments.benchmark.jax_program import Peer, load
from experiments.benchmark.work import Case, Program
from rnnjax import engines

ENGINES: dict[str, Any] = {engine.__name__: engine for engine in engines.ENGINES}
ENGINES["remat"] = engines.remat()  # this one is made with options
CELLS = {"elman": rnnjax.elman, "lstm": rnnjax.lstm, "gru": rnnjax.gru}


def engine(
    case: Case, name: str, *, is_sharded: bool = False, is_mapped: bool = False
) -> Program:
    """Loads `rnnjax.unroll`.

    Args:
      case: the case.
      name: the engine.
      is_sharded: whether the batch is distributed over all devices.
      is_mapped: whether `vmap` maps over the sequences, instead of a batch.

    Returns:
      The program.
    """
    cell = CELLS[case.cell](case.shape.size)

    def apply(params, inputs):
        return rnnjax.unroll(cell, params, inputs, engine=ENGINES[name])[1]

    if is_mapped:
        apply = jax.vmap(apply, in_axes=(None, 1), out_axes=1)
    return load(Peer(apply, pack=dict), case, is_sharded=is_sharded)
