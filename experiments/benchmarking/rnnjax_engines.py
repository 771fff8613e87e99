"""The engines of rnnjax as contenders."""

import jax

import rnnjax
from experiments.benchmarking.jax_program import Peer, load
from experiments.benchmarking.work import Case, Program

ENGINES = {
    "scan": rnnjax.scan,
    "hoisted": rnnjax.hoisted,
    "remat": rnnjax.remat(),
}
CELLS = {"elman": rnnjax.elman, "lstm": rnnjax.lstm, "gru": rnnjax.gru}


def engine(
    case: Case, name: str, *, is_sharded: bool = False, is_mapped: bool = False
) -> Program:
    """Loads `rnnjax.unroll`.

    Args:
      case: the case.
      name: the engine.
      is_sharded: whether the batch is laid out over all devices.
      is_mapped: whether sequences are mapped over by `vmap`, not given as a batch.

    Returns:
      The program.
    """
    cell = CELLS[case.cell](case.shape.size)

    def apply(params, inputs):
        return rnnjax.unroll(cell, params, inputs, engine=ENGINES[name])[1]

    if is_mapped:
        apply = jax.vmap(apply, in_axes=(None, 1), out_axes=1)
    return load(Peer(apply, pack=dict), case, is_sharded=is_sharded)
