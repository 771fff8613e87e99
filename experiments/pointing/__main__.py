"""Pointing: elements of a set in, an order of some of them out.

An encoder reads the elements in both directions; a decoder points at one of them at
each step, reads it, and points at the end when it is done. Unlike a vocabulary, the
choices grow with the set, so one network learns and answers sets of any size.

  python -m experiments.pointing
  python -m experiments.pointing --preset hull
  python -m experiments.pointing --task own --data-path my.txt
  python -m experiments.pointing --resume RUN --point < sets.txt

The default sorts numbers, of sets of 5 to 10 elements.

References:
  Vinyals, Fortunato and Jaitly, "Pointer Networks", NeurIPS 2015; Bello et al., "Neural
  Combinatorial Optimization with Reinforcement Learning", 2017, for the glimpse.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from experiments.harness import Run, fit, flag, main
from experiments.harness.names import look_up
from experiments.pointing import report
from experiments.pointing.loading import (
    Batch,
    Batcher,
    Elements,
    Parts,
    SetFlags,
    describe,
    load_sets,
    made_batch,
)
from experiments.pointing.orders import PointFlags, make_point, make_reply
from experiments.shared import buckets as bucketing
from experiments.shared.answering import answer_from
from experiments.shared.best import BestState, initial_state, keep_best, make_update
from experiments.shared.cells import cell_makers
from experiments.shared.devices import make_mesh, replicate, split_batch, start_devices
from experiments.shared.figures import score_curve
from experiments.shared.optimizers import CosineFlags, make_optimizer
from experiments.shared.trained import load, save_symbols
from experiments.shared.training import num_weights
from rnnjax import cross_entropy
from rnnjax.attention import additive, attend_before
from rnnjax.base import Array
from rnnjax.layers import (
    bidirectional,
    dense_bridge,
    memory_rows,
    pointer,
    pointer_network,
    recurrent,
    stack,
    take_once,
)
from rnnjax.models.pointer_network import PointerNetwork


@dataclasses.dataclass(frozen=True)
class Config(CosineFlags, SetFlags):
    """Flags of pointing."""

    cell: str = flag("gru", "recurrent cell, by the name of its maker")
    hidden_size: int = flag(64, "width of the cell of each direction", minimum=1)
    num_layers: int = flag(1, "layers of the encoder", minimum=1)
    glimpse: bool = flag(
        True, "whether the decoder attends to all elements before each step"
    )
    batch_size: int = flag(128, "sets per update", minimum=1)
    learning_rate: float = flag(3e-3, "learning rate", minimum=0)
    patience: int = flag(
        2, "evaluations without a better score until the rate is halved", minimum=1
    )
    beam_size: int = flag(4, "hypotheses of the search on the test part", minimum=1)
    num_updates: int = flag(1500, "updates of the parameters in all")
    eval_every: int = flag(150, "updates between two evaluations")
    checkpoint_every: int = flag(150, "updates between two checkpoints")
    num_devices: int | None = flag(
        None,
        "devices that share the batch; none: by cores, batch and width",
        resumable=True,
        minimum=1,
    )


PRESETS = {
    "sort": Config(
        num_updates=6000, decay_updates=6000, eval_every=500, checkpoint_every=500
    ),
    "hull": Config(
        task="hull",
        hidden_size=128,
        num_updates=8000,  # about a million sets, as in the paper
        eval_every=500,
        checkpoint_every=500,
    ),
}


def make_model(config: Config, symbols: Elements, rngs: Any) -> PointerNetwork:
    """Makes the network, from scaled elements to logits over them.

    Raises:
      ValueError: if there is no cell of that name.
    """
    width, size = len(symbols.mean), config.hidden_size
    cell = look_up("cell", config.cell, cell_makers())(size)
    encoder = stack(*[bidirectional(cell)] * config.num_layers)
    memory_size = 2 * size + width
    if config.glimpse:
        cell = attend_before(cell, additive(size), memory_size)
    decoder = stack(
        memory_rows(memory_size), recurrent(cell), pointer(size, memory_size)
    )
    if config.once == "trained":
        decoder = take_once(decoder)
    model = pointer_network(encoder, decoder, dense_bridge())
    return PointerNetwork(model, width, rngs=rngs)


class Prepared(NamedTuple):
    """The parts of a training, for `train` and for any other tool.

    Attributes:
      data: the sets, in parts.
      symbols: how elements are scaled.
      batch: `batch(i)`, the batch of update i, on the host.
      epoch_length: updates per epoch; between two evaluations of made sets.
      module: the model with its initial parameters.
      loss: `loss(params, batch, key) -> nats per step`.
      optimizer: the optimizer, including clipping.
      num_devices: devices that share a batch.
    """

    data: Parts
    symbols: Elements
    batch: Callable[[int], Batch]
    epoch_length: int
    module: PointerNetwork
    loss: Callable[..., Array]
    optimizer: optax.GradientTransformation
    num_devices: int


def prepare(config: Config) -> Prepared:
    """Makes the batches, the module, the loss and the optimizer.

    It starts JAX with the number of devices asked for.
    """
    num_devices = start_devices(
        config.num_devices, config.batch_size, config.hidden_size
    )
    parts = load_sets(config)
    symbols = describe(parts, config)
    batch, epoch_length = make_batches(config, parts, symbols)
    module = make_model(config, symbols, nnx.Rngs(jax.random.key(config.seed)))
    graph = nnx.graphdef(module)

    def loss(params, batch, key):
        logits = nnx.merge(graph, params)(
            batch.elements,
            batch.inputs,
            source_mask=batch.element_mask,
            mask=batch.mask,
            key=key,
        )
        # The losses of rnnjax are time first.
        logits, targets, mask = (
            jnp.swapaxes(x, 0, 1) for x in (logits, batch.targets, batch.mask)
        )
        return cross_entropy(logits, targets, mask).sum() / batch.mask.sum()

    optimizer = make_optimizer(config)
    return Prepared(
        parts, symbols, batch, epoch_length, module, loss, optimizer, num_devices
    )


def make_batches(
    config: Config, parts: Parts, symbols: Elements
) -> tuple[Callable[[int], Batch], int]:
    """Makes `batch(i)`, and returns the updates per epoch with it."""
    if parts.train is None:
        return lambda i: made_batch(config, symbols, i), config.eval_every
    batcher = Batcher(parts.train, symbols, config.batch_size)
    rows = bucketing.shuffled_batches(batcher.buckets, config.seed)
    epoch_length = bucketing.batches_per_epoch(batcher.buckets)
    return lambda i: batcher.batch(rows(i)), epoch_length


def train(config: Config, run: Run) -> None:
    """Trains the network that `config` asks for."""
    prepared = prepare(config)
    data, symbols, module = prepared.data, prepared.symbols, prepared.module
    run.record_choice("num_devices", prepared.num_devices)
    for name, digest in data.digests.items():
        run.record_data(name, digest)
    save_symbols(run.directory, symbols)
    mesh = make_mesh(prepared.num_devices)
    state = replicate(initial_state(module, prepared.optimizer), mesh)
    run.print(f"{num_weights(state.params):,} weights")
    update_batch = make_update(prepared.loss, prepared.optimizer)

    def update(state: BestState, i: int):
        batch = split_batch(prepared.batch(i), mesh, axis=0)
        return update_batch(state, batch, None, i)

    find = make_point(module, symbols, config)
    loss_of = report.make_loss(prepared.loss, symbols, config.batch_size)
    picture = report.make_picture(module, symbols)

    def measure(part, params, sets, found):
        metrics = {"loss": loss_of(params, sets)}
        metrics |= report.measure_orders(sets, found, config.task)
        return {f"{part}_{name}": value for name, value in metrics.items()}

    def evaluate(state: BestState, done: int):
        found = find(state.params, data.validation, beam_size=1)
        metrics = measure("validation", state.params, data.validation, found)
        state = keep_best(state, metrics["validation_exact"], patience=config.patience)
        run.write_sample(done, report.show_orders(data.validation, found))
        best = state.best.params
        if done == config.num_updates:
            metrics |= test(best)
        run.log(done, **metrics)
        curve = score_curve(run.metrics(), "validation_exact", ylabel="nats per step")
        run.write_plot("learning_curve", curve)
        run.write_plot("pointer", picture(best, data.validation))
        if config.task == "hull":
            run.write_plot("hulls", report.plot_hulls(data.validation, found))
        return state, metrics

    def test(params):
        sets = [*data.test, *data.other]
        found = find(params, sets, beam_size=config.beam_size)
        sizes = report.by_size(sets, found, config.task)
        for size, own in sizes.items():
            run.print(f"{size} elements: {own}")
        run.write_plot("sizes", report.plot_sizes(sizes, config.sizes))
        return measure("test", params, data.test, found[: len(data.test)])

    units = {"units_per_update": config.batch_size, "unit": "sets"}
    fit(run, state, update, evaluate, **units)


def point(directory: Path, flags: PointFlags) -> int:
    """Finds an order for the set of each line."""
    return answer_from(flags, make_reply(load(directory), flags))


if __name__ == "__main__":
    main(train, Config, presets=PRESETS, uses=[point])
