"""Captioning: an image in, a sentence out.

A convolutional network, trained from nothing, turns the image into a map of features; a
decoder writes the caption word by word. It knows the image by its first carry alone,
reads it at every step, or looks at some places of the map more than at others. Controls
without an image and with the images of others show what the captions owe to theirs.

  python -m experiments.captioning --data-path my_images
  python -m experiments.captioning
  python -m experiments.captioning --preset flickr8k --data-dir DATA
  python -m experiments.captioning --resume RUN --caption a.jpg b.png

The default describes drawn shapes, such as `a small red circle`. Three of the eighteen
combinations of size, color and shape are never trained: `unseen_exact` is the share of
their images that are described exactly. What the commands reached, on which machine and
in what time, is in docs/captioning.md.

References:
  Vinyals et al., "Show and Tell: A Neural Image Caption Generator", CVPR 2015; Xu et
  al., "Show, Attend and Tell: Neural Image Caption Generation with Visual Attention",
  ICML 2015; Tanti, Gatt and Camilleri, "Where to put the Image in an Image Caption
  Generator", Natural Language Engineering 2018; Hodosh, Young and Hockenmaier, "Framing
  Image Description as a Ranking Task", JAIR 2013 (Flickr8k).
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import optax
from flax import nnx

from experiments.captioning import pictures, report
from experiments.captioning.batches import Batch, Batcher
from experiments.captioning.loading import (
    ImageFlags,
    Parts,
    Symbols,
    load_images,
    make_symbols,
)
from experiments.captioning.writing import WritingFlags, answer_images, make_write
from experiments.data.vocabulary import UNKNOWN
from experiments.harness import Run, fit, flag, main
from experiments.harness.names import look_up
from experiments.shared import buckets as bucketing
from experiments.shared.augmentation import drop_words
from experiments.shared.best import BestState, initial_state, keep_best, make_update
from experiments.shared.cells import cell_makers
from experiments.shared.devices import make_mesh, replicate, split_batch, start_devices
from experiments.shared.figures import learning_curve
from experiments.shared.optimizers import OptimizerFlags, make_optimizer
from experiments.shared.trained import load, save_symbols
from experiments.shared.training import num_weights
from rnnjax.attention import (
    additive,
    attend_before,
    beside_weights,
    cell_stack,
    uniform,
)
from rnnjax.base import Array
from rnnjax.layers import (
    captioner,
    dense,
    dense_bridge,
    dropout,
    embed,
    recurrent,
    stack,
)
from rnnjax.models.captioner import Captioner
from rnnjax.models.image_network import ImageNetwork, alexnet_like, vgg_like


@dataclasses.dataclass(frozen=True)
class Config(OptimizerFlags, ImageFlags):
    """Flags of captioning."""

    image: Literal["first", "every", "attend"] = flag(
        "attend",
        "how the decoder knows the image: by its first carry, as a whole at every "
        "step, or by attention over the places of the map",
    )
    network: Literal["vgg", "alexnet"] = flag("alexnet", "what reads the image")
    channels: tuple[int, ...] = flag(
        (16, 32, 32),
        "channels: of each pair of convolutions of vgg, of each of alexnet",
    )
    cell: str = flag("gru", "recurrent cell, by the name of its maker")
    hidden_size: int = flag(64, "width of the cell", minimum=1)
    num_layers: int = flag(1, "layers of the decoder", minimum=1)
    embedding_size: int = flag(32, "width of the vectors of words", minimum=1)
    min_count: int = flag(2, "occurrences that make a word known", minimum=1)
    dropout_rate: float = flag(0.0, "probability of zeroing around layers", minimum=0)
    word_dropout_rate: float = flag(
        0.5, "probability of reading a word as unknown in training", minimum=0
    )
    batch_size: int = flag(32, "images per update", minimum=1)
    num_captions: int = flag(
        5, "captions that are learned per image read, at most", minimum=1
    )
    learning_rate: float = flag(2e-3, "learning rate", minimum=0)
    patience: int = flag(
        2, "evaluations without a better score until the rate is halved", minimum=1
    )
    beam_size: int = flag(5, "hypotheses of the search on the test part", minimum=1)
    num_updates: int = flag(5000, "updates of the parameters in all")
    eval_every: int = flag(500, "updates between two evaluations")
    num_devices: int | None = flag(
        None,
        "devices that share the batch; none: by cores, batch and width",
        resumable=True,
        minimum=1,
    )


FLICKR8K = Config(
    dataset="flickr8k",
    channels=(32, 64, 96),
    cell="lstm",
    hidden_size=192,
    embedding_size=128,
    min_count=5,
    dropout_rate=0.3,
    word_dropout_rate=0.0,
    learning_rate=1e-3,
    batch_size=64,
    num_updates=2820,  # thirty epochs of 94 batches
    eval_every=188,
    checkpoint_every=188,
)
PRESETS = {
    "flickr8k": FLICKR8K,
    "flickr8k_short": dataclasses.replace(
        FLICKR8K,
        image="every",
        channels=(24, 48, 64),
        hidden_size=128,
        embedding_size=96,
        min_count=10,
        dropout_rate=0.1,
        learning_rate=2e-3,
        num_updates=282,  # three epochs
        eval_every=94,
        checkpoint_every=94,
    ),
}


def make_model(
    config: Config, symbols: Symbols, rngs: nnx.Rngs, show_weights: bool = False
) -> Captioner:
    """Makes the network, from images to logits of words.

    With `show_weights` its outputs are a dict of `outputs` and `weights`.

    Raises:
      ValueError: if there is no cell of that name.
    """
    make_cell = look_up("cell", config.cell, cell_makers())
    drop = [dropout(config.dropout_rate)] if config.dropout_rate else []
    kinds = {"vgg": vgg_like, "alexnet": alexnet_like}
    network, num_features = None, 1
    if config.control != "no_image":
        network = ImageNetwork(kinds[config.network](config.channels), rngs=rngs)
        num_features = network.num_features

    cells = [make_cell(config.hidden_size)] * config.num_layers
    reads: tuple[Any, ...] = tuple(map(recurrent, cells))
    if config.image != "first":
        size = config.hidden_size
        attention = uniform() if config.image == "every" else additive(size)
        cell = attend_before(
            cell_stack(*cells), attention, num_features, show_weights=show_weights
        )
        reads = (recurrent(cell),)
    after = [*drop, dense(len(symbols.words))]
    decoder = stack(
        embed(config.embedding_size),
        *drop,
        *reads,
        *(map(beside_weights, after) if show_weights else after),
    )
    bridge = None if config.image == "every" else dense_bridge()
    functions = captioner(decoder, bridge, dropout_rate=config.dropout_rate)
    sizes = num_features, len(symbols.words)
    return Captioner(functions, *sizes, network=network, rngs=rngs)


class Prepared(NamedTuple):
    """The parts of a training, for `train` and for any other tool.

    Attributes:
      data: the images and captions, in parts.
      symbols: what must be known to describe others.
      batch: `batch(i)`, the batch of update i, on the host.
      epoch_length: updates per epoch.
      module: the model with its initial parameters.
      loss: `loss(params, batch, key) -> nats per word`.
      optimizer: the optimizer, including clipping.
      num_devices: devices that share a batch.
    """

    data: Parts
    symbols: Symbols
    batch: Callable[[int], Batch]
    epoch_length: int
    module: Captioner
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
    parts = load_images(config)
    symbols = make_symbols(parts.train, config.side, config.min_count)
    batcher = Batcher(parts.train, symbols, config.batch_size, most_captions(config))
    rows = bucketing.shuffled_batches(batcher.buckets, config.seed)
    init_key, _ = jax.random.split(jax.random.key(config.seed))
    module = make_model(config, symbols, nnx.Rngs(init_key))
    graph = nnx.graphdef(module)
    unknown = int(symbols.words.encode([UNKNOWN])[0])

    def loss(params, batch, key):
        drop_key, word_key = jax.random.split(key)
        inputs = drop_words(word_key, batch.inputs, unknown, config.word_dropout_rate)
        model = nnx.merge(graph, params)
        nats = report.batch_nats(model, batch._replace(inputs=inputs), drop_key)
        return nats / batch.mask.sum()

    return Prepared(
        parts,
        symbols,
        lambda i: batcher.batch(rows(i)),
        bucketing.batches_per_epoch(batcher.buckets),
        module,
        loss,
        make_optimizer(config),
        num_devices,
    )


def most_captions(config: Config) -> int:
    """Returns the captions that are learned per image read; a made one has only one."""
    return 1 if config.is_made else config.num_captions


def train(config: Config, run: Run) -> None:
    """Trains the network that `config` asks for."""
    prepared = prepare(config)
    data, symbols = prepared.data, prepared.symbols
    run.record_choice("num_devices", prepared.num_devices)
    for name, digest in data.digests.items():
        run.record_data(name, digest)
    save_symbols(run.directory, symbols)
    mesh = make_mesh(prepared.num_devices)
    state = replicate(initial_state(prepared.module, prepared.optimizer), mesh)
    run.print(f"{num_weights(state.params):,} weights; {len(symbols.words):,} words")
    _, train_key = jax.random.split(jax.random.key(config.seed))
    update_batch = make_update(prepared.loss, prepared.optimizer)

    def update(state: BestState, i: int):
        batch = split_batch(prepared.batch(i), mesh, axis=0)
        return update_batch(state, batch, train_key, i)

    write = make_write(prepared.module, symbols, config.batch_size)
    sizes = config.batch_size, most_captions(config)
    measure = report.make_measure(prepared.module, symbols, *sizes)
    draw_attention = None
    if config.image == "attend" and config.control != "no_image":
        shown = make_model(config, symbols, nnx.Rngs(0), show_weights=True)
        draw_attention = pictures.make_picture(shown, symbols)

    def evaluate(state: BestState, done: int):
        shown = data.validation
        written = write(state.params, shown.images, beam_size=1)
        metrics = measure("validation", state.params, shown, written)
        state = keep_best(state, -metrics["validation_loss"], patience=config.patience)
        run.write_sample(done, report.show_samples(shown, written))
        if done == config.num_updates:
            params, tested = state.best.params, []
            for part in ("test", "unseen"):
                examples = getattr(data, part)
                if examples.names:
                    beam = write(params, examples.images, beam_size=config.beam_size)
                    metrics |= measure(part, params, examples, beam)
                    tested.append((examples, beam))
            if tested:
                shown, written = report.join(tested)
            run.write_sample(done, report.show_samples(shown, written), "_test.txt")
        run.log(done, **metrics)
        curve = learning_curve(run.metrics(), ylabel="nats per word")
        run.write_plot("learning_curve", curve)
        run.write_plot("captions", pictures.plot_sheet(shown, written))
        if draw_attention is not None:
            looked = draw_attention(state.best.params, shown.images, written)
            run.write_plot("attention", looked)
        return state, metrics

    fit(
        run,
        state,
        update,
        evaluate,
        units_per_update=config.batch_size,
        unit="images",
    )


def caption(directory: Path, flags: WritingFlags) -> int:
    """Describes images."""
    return answer_images(load(directory), flags)


if __name__ == "__main__":
    main(train, Config, presets=PRESETS, uses=[caption])
