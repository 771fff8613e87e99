"""Translation: a sequence in, another one of any length out.

An encoder reads the source in both directions; a decoder writes the target symbol by
symbol. It may look back at the source by attention, before its step (Bahdanau), after
it (Luong), or after it with what it saw fed to the next step, and may copy words that
no vocabulary knows. Without attention all it knows of the source is one vector.

  python -m experiments.translation
  python -m experiments.translation --data-path my.tsv
  python -m experiments.translation --preset multi30k --data-dir DATA
  python -m experiments.translation --resume RUN --translate < lines.txt

The default translates dates, such as `tuesday the third of march nineteen
eighty-seven`, into their ISO form, character by character.

References:
  Sutskever, Vinyals and Le, "Sequence to Sequence Learning with Neural Networks",
  NeurIPS 2014; Bahdanau, Cho and Bengio, "Neural Machine Translation by Jointly
  Learning to Align and Translate", ICLR 2015; Luong, Pham and Manning, "Effective
  Approaches to Attention-based Neural Machine Translation", EMNLP 2015; See, Liu and
  Manning, "Get To The Point: Summarization with Pointer-Generator Networks", ACL 2017.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from experiments.harness import Run, fit, flag, main
from experiments.harness.names import look_up
from experiments.shared import buckets as bucketing
from experiments.shared.answering import answer_from
from experiments.shared.best import BestState, initial_state, keep_best, make_update
from experiments.shared.cells import cell_makers
from experiments.shared.compiling import quick_compile
from experiments.shared.devices import make_mesh, replicate, split_batch, start_devices
from experiments.shared.figures import score_curve
from experiments.shared.optimizers import CosineFlags, make_optimizer
from experiments.shared.trained import load, save_symbols
from experiments.shared.training import num_weights
from experiments.translation import presets, report
from experiments.translation.batches import Batch, Batcher
from experiments.translation.loading import SIDES, PairFlags, load_pairs
from experiments.translation.parts import drawn_from, last_row, tie_head
from experiments.translation.schedules import Schedule, own_inputs, own_rate
from experiments.translation.scores import bleu_signature
from experiments.translation.sets import Parts
from experiments.translation.symbols import (
    NUM_COPIED,
    Symbols,
    encode,
    make_symbols,
    save_pieces,
)
from experiments.translation.writing import TranslateFlags, make_reply, make_translate
from rnnjax import cross_entropy
from rnnjax.attention import (
    additive,
    attend_after,
    attend_before,
    attention_layer,
    beside_weights,
    cell_stack,
    general,
)
from rnnjax.base import Array, Cell, Layer
from rnnjax.layers import (
    bidirectional,
    copy_bridge,
    copying,
    dense,
    dense_bridge,
    dropout,
    embed,
    encoder_decoder,
    recurrent,
    stack,
)
from rnnjax.models.encoder_decoder import EncoderDecoder
from rnnjax.optimizers import averaged_params, moving_average


@dataclasses.dataclass(frozen=True)
class Config(CosineFlags, PairFlags):
    """Flags of translation."""

    attention: Literal["none", "last", "before", "after", "feed"] = flag(
        "before",
        "when the decoder attends: before its step (Bahdanau), after it (Luong), after "
        "it and feeding what it saw to the next step, or never; last: before its step "
        "to where the encoder ended (Cho)",
    )
    copy: bool = flag(False, "also copy words of the source; needs attention")
    cell: str = flag("gru", "recurrent cell, by the name of its maker")
    hidden_size: int = flag(64, "width of the cell of each direction", minimum=1)
    num_layers: int = flag(1, "layers of the encoder and of the decoder", minimum=1)
    embedding_size: int = flag(48, "width of the vectors of symbols", minimum=1)
    both_directions: bool = flag(True, "whether the encoder reads in both directions")
    reverse_source: bool = flag(
        False, "whether an encoder of one direction reads from the end"
    )
    tie_embeddings: bool = flag(
        False, "whether the decoder predicts symbols by the vectors it reads them by"
    )
    init_bound: float | None = flag(
        None, "all parameters begin uniform from -bound to bound; none: by layer"
    )
    min_count: int = flag(2, "occurrences that make a word known", minimum=1)
    dropout_rate: float = flag(0.1, "probability of zeroing around layers", minimum=0)
    schedule: Schedule = flag(
        "none",
        "how the share of true inputs falls from 1 (scheduled sampling); half: 0.5 "
        "from the first update on",
    )
    average_over: int | None = flag(
        None,
        "updates over which parameters are averaged for evaluation and use; none: they "
        "are not",
        minimum=1,
    )
    batch_size: int = flag(64, "pairs per update", minimum=1)
    learning_rate: float = flag(3e-3, "learning rate", minimum=0)
    patience: int = flag(
        2, "evaluations without a better score until the rate is halved", minimum=1
    )
    beam_size: int = flag(5, "hypotheses of the search on the test part", minimum=1)
    num_updates: int = flag(1000, "updates of the parameters in all")
    eval_every: int = flag(200, "updates between two evaluations")
    num_devices: int | None = flag(
        None,
        "devices that share the batch; none: by cores, batch and width",
        resumable=True,
        minimum=1,
    )

    def __post_init__(self):
        """Checks flags that depend on each other."""
        super().__post_init__()
        if self.copy and self.attention == "none":
            raise ValueError("copy needs attention, got none.")
        if self.copy and "pieces" in map(self.units_of, SIDES):
            raise ValueError("copy must not be given with pieces.")
        if self.both_directions and (self.reverse_source or self.attention == "last"):
            raise ValueError(
                "reverse_source and attention last must not be given with "
                "both_directions."
            )


PRESETS = {name: Config(**flags) for name, flags in presets.PRESETS.items()}


def make_model(
    config: Config, symbols: Symbols, rngs: Any, show_weights: bool = False
) -> EncoderDecoder:
    """Makes the network, from source tokens to logits of target tokens.

    With `show_weights` its outputs are a dict of `outputs` and `weights`.

    Raises:
      ValueError: if there is no cell of that name.
    """
    make_cell = look_up("cell", config.cell, cell_makers())
    drop = [dropout(config.dropout_rate)] if config.dropout_rate else []
    source_size, target_size = len(symbols.source), len(symbols.target)

    encoder = [embed(config.embedding_size), *drop]
    for _ in range(config.num_layers):
        cell = make_cell(config.hidden_size)
        reads = recurrent(cell, reverse=config.reverse_source)
        encoder += [bidirectional(cell) if config.both_directions else reads, *drop]
    memory_size = config.hidden_size * (2 if config.both_directions else 1)

    cells = [make_cell(config.hidden_size)] * config.num_layers
    head = dense(target_size)
    if config.copy:
        head = copying(
            target_size, config.hidden_size, memory_size, num_extra=NUM_COPIED
        )
    project = [dense(config.embedding_size)] if config.tie_embeddings else []
    after = [*drop, *project, head]
    decoder = stack(
        embed(config.embedding_size, unknown=0),
        *drop,
        *decoder_layers(config, cells, memory_size, show_weights),
        *(map(beside_weights, after) if show_weights else after),
    )
    if config.tie_embeddings:
        decoder = tie_head(decoder)
    plain = config.attention == "none" and not config.both_directions
    bridge = copy_bridge() if plain else dense_bridge()
    model = encoder_decoder(stack(*encoder), decoder, bridge)
    if config.init_bound is not None:
        model = drawn_from(model, config.init_bound)
    return EncoderDecoder(model, source_size, target_size, rngs=rngs)


def decoder_layers(
    config: Config, cells: list[Cell], memory_size: int, show_weights: bool
) -> tuple[Layer, ...]:
    """Makes the recurrent layers of the decoder, with its attention."""
    size = config.hidden_size
    shows: Any = {"show_weights": show_weights}
    match config.attention:
        case "before" | "last":
            reader = additive(size)
            if config.attention == "last":
                reader = last_row(config.reverse_source)
            how = reader, memory_size
            return (recurrent(attend_before(cell_stack(*cells), *how, **shows)),)
        case "feed":
            how, shows["output_size"] = (general(), memory_size), size
            return (recurrent(attend_after(cell_stack(*cells), *how, **shows)),)
        case "after":
            attends = attention_layer(general(), memory_size, size, **shows)
            return (*map(recurrent, cells), attends)
    return tuple(map(recurrent, cells))


class Prepared(NamedTuple):
    """The parts of a training, for `train` and for any other tool.

    Attributes:
      data: the pairs, in parts.
      symbols: what the numbers stand for.
      batch: `batch(i)`, the batch of update i, on the host.
      epoch_length: updates per epoch.
      module: the model with its initial parameters.
      loss: `loss(params, batch, key) -> nats per symbol`.
      optimizer: the optimizer, including clipping.
      num_devices: devices that share a batch.
    """

    data: Parts
    symbols: Symbols
    batch: Callable[[int], Batch]
    epoch_length: int
    module: EncoderDecoder
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
    parts = load_pairs(config)
    symbols = make_symbols(parts.train, config, config.min_count)
    encoded = encode(parts.train, symbols, config.copy)
    batcher = Batcher(encoded, symbols, config.batch_size)
    rows = bucketing.shuffled_batches(batcher.buckets, config.seed)
    init_key, _ = jax.random.split(jax.random.key(config.seed))
    module = make_model(config, symbols, nnx.Rngs(init_key))
    graph = nnx.graphdef(module)

    def loss(params, batch, key):
        model = nnx.merge(graph, params)
        inputs = batch.inputs
        if config.schedule != "none":
            inputs = own_inputs(model, batch, key)
        logits = model(
            batch.source,
            inputs,
            source_mask=batch.source_mask,
            copied=batch.copied,
            mask=batch.mask,
            key=key,
        )
        # The losses of rnnjax are time first.
        logits, targets, mask = (
            jnp.swapaxes(x, 0, 1) for x in (logits, batch.targets, batch.mask)
        )
        return cross_entropy(logits, targets, mask).sum() / batch.mask.sum()

    return Prepared(
        parts,
        symbols,
        lambda i: batcher.batch(rows(i), own_rate(config, i)),
        bucketing.batches_per_epoch(batcher.buckets),
        module,
        loss,
        make_averaging_optimizer(config),
        num_devices,
    )


def make_averaging_optimizer(config: Config) -> optax.GradientTransformation:
    """Makes the optimizer, with an average of the parameters if there shall be one."""
    optimizer = make_optimizer(config)
    if config.average_over is None:
        return optimizer
    return optax.chain(optimizer, moving_average(config.average_over))


def train(config: Config, run: Run) -> None:
    """Trains the network that `config` asks for."""
    prepared = prepare(config)
    symbols = prepared.symbols
    run.record_choice("num_devices", prepared.num_devices)
    for name, digest in (prepared.data.digests | symbols.digests).items():
        run.record_data(name, digest)
    save_symbols(run.directory, symbols)
    save_pieces(run.directory, symbols)
    if symbols.target_units != "characters":
        run.record(bleu_signature=bleu_signature())
    validation, test = prepared.data.validation, prepared.data.test
    mesh = make_mesh(prepared.num_devices)
    state = replicate(initial_state(prepared.module, prepared.optimizer), mesh)
    sizes = f"{len(symbols.source):,} and {len(symbols.target):,} symbols"
    run.print(f"{num_weights(state.params):,} weights; {sizes}")
    _, train_key = jax.random.split(jax.random.key(config.seed))
    update_batch = make_update(
        prepared.loss, prepared.optimizer, compiler_options=quick_compile()
    )

    def update(state: BestState, i: int):
        batch = prepared.batch(i)
        whole = split_batch(batch._replace(rate=None), mesh, axis=0)
        return update_batch(state, whole._replace(rate=batch.rate), train_key, i)

    write = make_translate(prepared.module, symbols, config)
    measure = report.make_measure(prepared.module, symbols, config)
    draw_attention = None
    if config.attention not in ("none", "last"):
        shown = make_model(config, symbols, nnx.Rngs(0), show_weights=True)
        draw_attention = report.make_picture(shown, symbols, config.copy)

    def evaluate(state: BestState, done: int):
        params = state.params
        if config.average_over is not None:
            params = averaged_params(state.opt_state, params)
        written = write(params, validation, beam_size=1)
        metrics = measure("validation", params, validation, written)
        score = metrics[report.main_score(config)]
        kept = keep_best(state._replace(params=params), score, patience=config.patience)
        state = kept._replace(params=state.params)
        run.write_sample(done, report.show_samples(validation, written))
        if done == config.num_updates and test:
            params = state.best.params
            written = write(params, test, beam_size=config.beam_size)
            metrics |= measure("test", params, test, written)
            run.write_sample(done, report.show_errors(test, written), "_errors.txt")
        run.log(done, **metrics)
        curve = score_curve(
            run.metrics(), report.main_score(config), ylabel="nats per symbol"
        )
        run.write_plot("learning_curve", curve)
        if draw_attention is not None:
            run.write_plot("attention", draw_attention(state.best.params, validation))
        return state, metrics

    units = {"units_per_update": config.batch_size, "unit": "pairs"}
    fit(run, state, update, evaluate, **units)


def translate(directory: Path, flags: TranslateFlags) -> int:
    """Translates each line."""
    first = load(directory)
    name = "experiments.translation"
    others = [
        load(other, experiment=name, symbols=first.symbols) for other in flags.with_runs
    ]
    return answer_from(flags, make_reply([first, *others], flags))


if __name__ == "__main__":
    main(train, Config, presets=PRESETS, uses=[translate])
