"""Tagging: a label for every word of a sentence, and optionally one for the sentence.

A bidirectional network reads the words, and the characters that each is spelled with.
The tags are chosen one by one, by a softmax, or all together, by a conditional random
field, which knows that a chunk must begin before it goes on. The baselines are the most
frequent tag of every word and, by `--model window`, a perceptron over five words.

  python -m experiments.tagging
  python -m experiments.tagging --data-path my.conllu
  python -m experiments.tagging --data-path my.txt --output crf --feature-columns 1
  python -m experiments.tagging --preset parts_of_speech --data-dir DATA
  python -m experiments.tagging --resume RUN --predict < lines.txt

Chunks, names and slots, whose tags begin with B- and I-, are scored as whole spans, as
the program conlleval counts them.

Expected without flags: 0.996 of the test words of the made sentences right after 300
updates, where the most frequent tags reach 0.857. It takes 78 s of processor time.

References:
  Huang, Xu and Yu, "Bidirectional LSTM-CRF Models for Sequence Tagging", 2015; Lample
  et al., "Neural Architectures for Named Entity Recognition", NAACL 2016; Plank,
  Søgaard and Goldberg, "Multilingual Part-of-Speech Tagging with Bidirectional LSTM
  Models and Auxiliary Loss", ACL 2016.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from experiments.data.vocabulary import UNKNOWN
from experiments.harness import Run, fit, flag, main
from experiments.harness.names import look_up
from experiments.shared import buckets as bucketing
from experiments.shared.answering import Answer, PredictFlags, answer_from
from experiments.shared.augmentation import drop_words
from experiments.shared.best import BestState, initial_state, keep_best, make_update
from experiments.shared.cells import cell_makers
from experiments.shared.compiling import quick_compile
from experiments.shared.devices import make_mesh, replicate, split_batch, start_devices
from experiments.shared.optimizers import OptimizerFlags, make_optimizer
from experiments.shared.trained import Trained, load, save_symbols
from experiments.shared.training import num_weights
from experiments.shared.vectors import (
    PACKED,
    VectorFlags,
    VectorTable,
    report_vectors,
)
from experiments.tagging import report
from experiments.tagging.baselines import window_perceptron
from experiments.tagging.batches import Batch, Batcher, encode
from experiments.tagging.constraints import constraints_of
from experiments.tagging.loading import Parts, SentenceFlags, load_sentences
from experiments.tagging.prediction import make_predict, make_tag_reply
from experiments.tagging.symbols import Symbols, make_symbols
from rnnjax import cross_entropy
from rnnjax.base import Array
from rnnjax.layers import spelling, spelling_convolution
from rnnjax.losses.crf import crf
from rnnjax.losses.crf_cross_entropy import crf_cross_entropy
from rnnjax.models.tagger import Tagger

CHARACTER_EMBEDDING = 16


@dataclasses.dataclass(frozen=True)
class Config(OptimizerFlags, VectorFlags, SentenceFlags):
    """Flags of the taggers."""

    model: Literal["recurrent", "window"] = flag(
        "recurrent",
        "reads the sentence in both directions; or sees the nearest words, a baseline",
    )
    window: int = flag(5, "number of words that the model window sees, odd", minimum=1)
    output: Literal["softmax", "crf"] = flag(
        "softmax", "how tags are chosen: one by one, or a sentence's together"
    )
    cell: str = flag("lstm", "recurrent cell, by the name of its maker")
    hidden_size: int = flag(64, "width of the cell of each direction", minimum=1)
    num_layers: int = flag(1, "number of bidirectional layers", minimum=1)
    embedding_size: int = flag(
        32, "width of the vectors of words; with vectors theirs", minimum=1
    )
    spelling: Literal["recurrent", "convolution", "none"] = flag(
        "recurrent", "how the characters of words are read"
    )
    character_size: int = flag(
        16, "width of what is read of them, per direction if recurrent", minimum=1
    )
    min_count: int = flag(2, "occurrences that make a word known", minimum=1)
    word_dropout_rate: float = flag(
        0.05, "probability of reading a word as unknown", minimum=0
    )
    dropout_rate: float = flag(0.3, "probability of zeroing around layers", minimum=0)
    batch_size: int = flag(32, "sentences per update", minimum=1)
    max_shapes: int = flag(3, "number of padded lengths, each compiled", minimum=1)
    learning_rate: float = flag(4e-3, "learning rate", minimum=0)
    max_norm: float | None = flag(5.0, "global norm to which gradients are clipped")
    patience: int = flag(
        2, "evaluations without a better score until the rate is halved", minimum=1
    )
    num_updates: int = flag(300, "updates of the parameters in all")
    eval_every: int = flag(100, "updates between two evaluations")
    num_devices: int = flag(
        1, "devices that share the batch", resumable=True, minimum=1
    )


PUBLISHED = Config(
    hidden_size=128,
    embedding_size=100,
    spelling="convolution",
    character_size=64,
    dropout_rate=0.5,
    learning_rate=3e-3,
    patience=1,
    checkpoint_every=400,
)
CRF = dataclasses.replace(PUBLISHED, output="crf")
PRESETS = {
    "parts_of_speech": dataclasses.replace(
        PUBLISHED, dataset="ewt", num_updates=3200, eval_every=400
    ),
    "parts_of_speech_small": dataclasses.replace(
        PUBLISHED,
        dataset="afrikaans",
        batch_size=16,
        num_updates=900,
        eval_every=90,
    ),
    "chunking": dataclasses.replace(
        CRF,
        dataset="conll2000",
        feature_columns=(1,),
        num_updates=1512,
        eval_every=252,
    ),
    "slots": dataclasses.replace(
        CRF, dataset="snips", num_updates=2460, eval_every=410
    ),
    "entities": dataclasses.replace(
        CRF,
        dataset="wnut17",
        vectors=Path(PACKED),
        num_updates=1080,
        eval_every=108,
    ),
}


def make_model(config: Config, symbols: Symbols, rngs: nnx.Rngs) -> Tagger:
    """Makes the network, from words to scores of their tags.

    Raises:
      ValueError: if there is no cell of that name, or the window is even.
    """
    make_cell = look_up("cell", config.cell, cell_makers())
    layers: list[Any] = [make_cell(config.hidden_size)] * config.num_layers
    if config.model == "window":
        layers = [window_perceptron(config.window, config.hidden_size)]
    options: dict[str, Any] = {}
    if config.spelling != "none":
        size = config.character_size
        if config.spelling == "recurrent":
            reader = spelling(make_cell(size), embedding_size=CHARACTER_EMBEDDING)
        else:
            reader = spelling_convolution(3, size, embedding_size=CHARACTER_EMBEDDING)
        options = {"spelling": reader, "num_characters": len(symbols.characters)}
    if config.output == "crf":
        constraints = constraints_of(symbols.scheme, symbols.tags)
        options["crf"] = crf(len(symbols.tags), constraints=constraints)
    return Tagger(
        len(symbols.words),
        layers,
        len(symbols.tags),
        embedding_size=symbols.vector_size or config.embedding_size,
        feature_sizes=[len(values) for values in symbols.features],
        num_labels=len(symbols.labels) or None,
        dropout_rate=config.dropout_rate,
        rngs=rngs,
        **options,
    )


class Prepared(NamedTuple):
    """The parts of a training, for `train` and for any other tool.

    Attributes:
      data: the sentences, in parts.
      symbols: what the numbers stand for.
      vectors: the pretrained vectors of the words; None without them.
      batch: `batch(i)`, the batch of update i, on the host.
      epoch_length: updates per epoch.
      module: the tagger with its initial parameters.
      loss: `loss(params, batch, key) -> nats per word`.
      optimizer: the optimizer, including clipping.
      num_devices: devices that share a batch.
    """

    data: Parts
    symbols: Symbols
    vectors: VectorTable | None
    batch: Callable[[int], Batch]
    epoch_length: int
    module: Tagger
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
    parts = load_sentences(config)
    symbols, vectors = make_symbols(parts, config.min_count, config)
    encoded = encode(parts.train, symbols)
    buckets = bucketing.make_buckets(
        encoded.lengths, config.batch_size, config.max_shapes
    )
    rows = bucketing.shuffled_batches(buckets, config.seed)
    batcher = Batcher(encoded, buckets)
    init_key, _ = jax.random.split(jax.random.key(config.seed))
    module = make_model(config, symbols, nnx.Rngs(init_key))
    if vectors is not None:
        module.words.params["embedding"][...] = jnp.asarray(vectors.table)
    return Prepared(
        parts,
        symbols,
        vectors,
        lambda i: batcher.batch(rows(i)),
        bucketing.batches_per_epoch(buckets),
        module,
        make_loss(config, symbols, nnx.graphdef(module)),
        make_optimizer(config),
        num_devices,
    )


def make_loss(config: Config, symbols: Symbols, graph: Any) -> Callable[..., Array]:
    """Makes `loss(params, batch, key)`, in nats per word."""
    unknown = int(symbols.words.encode([UNKNOWN])[0])

    def loss(params, batch, key):
        model = nnx.merge(graph, params)
        if config.freeze_vectors:
            table = model.words.params["embedding"]
            table[...] = jax.lax.stop_gradient(table[...])
        drop_key, word_key = jax.random.split(key)
        tokens = batch.words.tokens
        tokens = drop_words(word_key, tokens, unknown, config.word_dropout_rate)
        words = batch.words._replace(tokens=tokens)
        scores = model(words, mask=batch.mask, key=drop_key)
        # The losses of rnnjax are time first.
        emissions, tags, mask = (
            jnp.swapaxes(x, 0, 1) for x in (scores.emissions, batch.tags, batch.mask)
        )
        if model.crf is None:
            nats = cross_entropy(emissions, tags, mask).sum()
        else:
            crf_params = nnx.as_pure(model.crf_params)
            nats = crf_cross_entropy(model.crf, crf_params, emissions, tags, mask).sum()
        if scores.label_logits is not None:
            known = batch.labels >= 0
            nats += cross_entropy(scores.label_logits, batch.labels, known).sum()
        return nats / batch.mask.sum()

    return loss


def train(config: Config, run: Run) -> None:
    """Trains the tagger that `config` asks for, beside the most frequent tags."""
    prepared = prepare(config)
    parts = prepared.data
    for name, digest in parts.digests.items():
        run.record_data(name, digest)
    save_symbols(run.directory, prepared.symbols)
    if prepared.vectors is not None:
        report_vectors(run, prepared.vectors)
    levels = report.print_baseline(run, parts)
    mesh = make_mesh(prepared.num_devices)
    state = replicate(initial_state(prepared.module, prepared.optimizer), mesh)
    run.print(f"{num_weights(state.params):,} weights")
    _, train_key = jax.random.split(jax.random.key(config.seed))
    update_batch = make_update(
        prepared.loss, prepared.optimizer, compiler_options=quick_compile()
    )

    def update(state: BestState, i: int):
        batch = split_batch(prepared.batch(i), mesh, axis=0)
        return update_batch(state, batch, train_key, i)

    predict = make_predict(
        prepared.module,
        prepared.symbols,
        {"validation": parts.validation, "test": parts.test},
        config.batch_size,
        config.max_shapes,
    )

    def evaluate(state: BestState, done: int):
        found = predict(jax.device_get(state.params), "validation")
        metrics = report.measure("validation", parts.validation, found)
        score = report.main_score(metrics)
        state = keep_best(state, metrics[score], patience=config.patience)
        if done == config.num_updates and parts.test:
            found = predict(jax.device_get(state.best.params), "test")
            metrics[f"best_{score}"] = float(state.best.score)
            metrics |= report.measure("test", parts.test, found)
            report.write_errors(run, done, parts.test, found)
        run.log(done, **metrics)
        figure = report.plot_scores(run.metrics(), score, levels)
        run.write_plot("learning_curve", figure)
        return state, metrics

    fit(
        run,
        state,
        update,
        evaluate,
        units_per_update=config.batch_size,
        unit="sentences",
    )


def predict(directory: Path, flags: PredictFlags) -> int:
    """Tags lines, whose words are separated by blanks."""
    return answer_from(flags, make_reply(load(directory), flags.probabilities))


def make_reply(
    trained: Trained, with_probabilities: bool = False
) -> Callable[[str], Answer]:
    """Makes the function that tags a line."""
    return make_tag_reply(trained.module, trained.symbols, with_probabilities)


if __name__ == "__main__":
    main(train, Config, presets=PRESETS, uses=[predict])
