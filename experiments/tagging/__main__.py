"""Tagging: a label for every word of a sentence, and optionally one for the sentence.

A bidirectional network reads the words, and the characters that each is spelled with.
The tags are chosen one by one, by a softmax, or all together, by a conditional random
field, which knows that a chunk must begin before it goes on. The baseline is the most
frequent tag of every word.

  python -m experiments.tagging
  python -m experiments.tagging --data-path my.conllu
  python -m experiments.tagging --data-path my.txt --tag-column 2 --output crf
  python -m experiments.tagging --preset ewt --data-dir DATA

Chunks, names and slots, whose tags begin with B- and I-, are scored as whole spans, as
the program conlleval counts them.

Expected without flags: 0.993 of the test words of the made sentences right after 200
updates, where the most frequent tags reach 0.857.

References:
  Huang, Xu and Yu, "Bidirectional LSTM-CRF Models for Sequence Tagging", 2015; Lample
  et al., "Neural Architectures for Named Entity Recognition", NAACL 2016; Plank,
  Søgaard and Goldberg, "Multilingual Part-of-Speech Tagging with Bidirectional LSTM
  Models and Auxiliary Loss", ACL 2016.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.sharding import Mesh

from experiments.data.vocabulary import UNKNOWN
from experiments.harness import Run, fit, flag, guarded, main
from experiments.harness.names import look_up
from experiments.shared import buckets as bucketing
from experiments.shared.cells import cell_makers
from experiments.shared.devices import make_mesh, replicate, split_batch, start_devices
from experiments.shared.optimizers import OptimizerFlags, make_optimizer
from experiments.shared.training import num_weights
from experiments.tagging import report
from experiments.tagging.constraints import constraints_of
from experiments.tagging.loading import (
    Batch,
    Batcher,
    Parts,
    SentenceFlags,
    Symbols,
    encode,
    load_sentences,
    make_symbols,
)
from rnnjax import cross_entropy
from rnnjax.base import Array
from rnnjax.layers import spelling
from rnnjax.losses.crf import crf
from rnnjax.losses.crf_cross_entropy import crf_cross_entropy
from rnnjax.models.tagger import Tagger


@dataclasses.dataclass(frozen=True)
class Config(OptimizerFlags, SentenceFlags):
    """Flags of the taggers."""

    output: Literal["softmax", "crf"] = flag(
        "softmax", "how tags are chosen: one by one, or a sentence's together"
    )
    cell: str = flag("lstm", "recurrent cell, by the name of its maker")
    hidden_size: int = flag(64, "width of the cell of each direction", minimum=1)
    num_layers: int = flag(1, "number of bidirectional layers", minimum=1)
    embedding_size: int = flag(32, "width of the vectors of words", minimum=1)
    character_size: int = flag(
        16, "width of the cell of each direction that spells words; 0: no spelling"
    )
    min_count: int = flag(2, "occurrences that make a word known", minimum=1)
    word_dropout_rate: float = flag(
        0.05, "probability of reading a word as unknown", minimum=0
    )
    dropout_rate: float = flag(0.3, "probability of zeroing around layers", minimum=0)
    batch_size: int = flag(32, "sentences per update", minimum=1)
    learning_rate: float = flag(4e-3, "learning rate", minimum=0)
    max_norm: float | None = flag(5.0, "global norm to which gradients are clipped")
    patience: int = flag(
        2, "evaluations without a better score until the rate is halved", minimum=1
    )
    num_updates: int = flag(600, "updates of the parameters in all")
    eval_every: int = flag(100, "updates between two evaluations")
    num_devices: int | None = flag(
        None,
        "devices that share the batch; none: by cores, batch and width",
        resumable=True,
        minimum=1,
    )


PUBLISHED = Config(
    hidden_size=128,
    embedding_size=100,
    character_size=32,
    dropout_rate=0.5,
    learning_rate=2e-3,
    num_updates=6000,
    eval_every=400,
    checkpoint_every=400,
)
PRESETS = {
    "ewt": dataclasses.replace(PUBLISHED, dataset="ewt"),
    "chunking": dataclasses.replace(PUBLISHED, dataset="conll2000", output="crf"),
    "slots": dataclasses.replace(PUBLISHED, dataset="snips", output="crf"),
    "entities": dataclasses.replace(PUBLISHED, dataset="wnut17", output="crf"),
}


def make_model(
    config: Config, symbols: Symbols, parts: Parts, rngs: nnx.Rngs
) -> Tagger:
    """Makes the network, from words to scores of their tags.

    Raises:
      ValueError: if there is no cell of that name.
    """
    make_cell = look_up("cell", config.cell, cell_makers())
    options: dict[str, Any] = {}
    if config.character_size:
        reader = spelling(make_cell(config.character_size), embedding_size=16)
        options = {"spelling": reader, "num_characters": len(symbols.characters)}
    if config.output == "crf":
        constraints = constraints_of(symbols.tags, parts.train)
        options["crf"] = crf(len(symbols.tags), constraints=constraints)
    return Tagger(
        len(symbols.words),
        [make_cell(config.hidden_size)] * config.num_layers,
        len(symbols.tags),
        embedding_size=config.embedding_size,
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
      batch: `batch(i)`, the batch of update i, on the host.
      epoch_length: updates per epoch.
      module: the tagger with its initial parameters.
      loss: `loss(params, batch, key) -> nats per word`.
      optimizer: the optimizer, including clipping.
      num_devices: devices that share a batch.
    """

    data: Parts
    symbols: Symbols
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
    symbols = make_symbols(parts.train, config.min_count)
    encoded = encode(parts.train, symbols)
    buckets = bucketing.make_buckets(encoded.lengths, config.batch_size)
    rows = bucketing.shuffled_batches(buckets, config.seed)
    batcher = Batcher(encoded, buckets)
    init_key, _ = jax.random.split(jax.random.key(config.seed))
    module = make_model(config, symbols, parts, nnx.Rngs(init_key))
    graph = nnx.graphdef(module)
    unknown = int(symbols.words.encode([UNKNOWN])[0])

    def loss(params, batch, key):
        model = nnx.merge(graph, params)
        drop_key, word_key = jax.random.split(key)
        is_dropped = jax.random.bernoulli(
            word_key, config.word_dropout_rate, batch.tags.shape
        )
        tokens = jnp.where(is_dropped, unknown, batch.words.tokens)
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

    return Prepared(
        parts,
        symbols,
        lambda i: batcher.batch(rows(i)),
        bucketing.batches_per_epoch(buckets),
        module,
        loss,
        make_optimizer(config),
        num_devices,
    )


class TrainState(NamedTuple):
    """What training changes."""

    params: Any
    opt_state: optax.OptState
    rate_scale: Array  # factor of the learning rate, 1 at first
    best_params: Any  # those with the best score on the validation part
    best_score: Array
    num_worse: Array  # evaluations since then, or since the rate was halved


def initial_state(prepared: Prepared) -> TrainState:
    """Makes the state before the first update."""
    params = nnx.as_pure(nnx.state(prepared.module))
    opt_state = prepared.optimizer.init(params)
    best = params, jnp.float32(-1)
    return TrainState(params, opt_state, jnp.float32(1), *best, jnp.int32(0))


def make_update(
    prepared: Prepared, mesh: Mesh, key: Array
) -> Callable[[TrainState, int], tuple[TrainState, dict[str, Array]]]:
    """Makes the update: that of i reads batch i and draws from `fold_in(key, i)`."""

    @jax.jit
    @guarded
    def update_batch(state, batch, i):
        loss, grads = jax.value_and_grad(prepared.loss)(
            state.params, batch, jax.random.fold_in(key, i)
        )
        updates, opt_state = prepared.optimizer.update(
            grads, state.opt_state, state.params
        )
        updates = jax.tree.map(lambda step: state.rate_scale * step, updates)
        params = optax.apply_updates(state.params, updates)
        metrics = {"loss": loss, "grad_norm": optax.tree.norm(grads)}
        return state._replace(params=params, opt_state=opt_state), metrics

    def update(state, i):
        return update_batch(state, split_batch(prepared.batch(i), mesh, axis=0), i)

    return update


def keep_best(state: TrainState, score: float, patience: int) -> TrainState:
    """Keeps the parameters if their score is the best, else may halve the rate."""
    if score > state.best_score:
        best = {"best_params": state.params, "best_score": jnp.float32(score)}
        return state._replace(**best, num_worse=jnp.int32(0))
    if state.num_worse + 1 < patience:
        return state._replace(num_worse=state.num_worse + 1)
    return state._replace(rate_scale=state.rate_scale / 2, num_worse=jnp.int32(0))


def train(config: Config, run: Run) -> None:
    """Trains the tagger that `config` asks for, beside the most frequent tags."""
    prepared = prepare(config)
    run.record_choice("num_devices", prepared.num_devices)
    for name, digest in prepared.data.digests.items():
        run.record_data(name, digest)
    validation, test = prepared.data.validation, prepared.data.test
    levels = report.print_baseline(run, prepared.data)
    mesh = make_mesh(prepared.num_devices)
    state = replicate(initial_state(prepared), mesh)
    run.print(f"{num_weights(state.params):,} weights")
    _, train_key = jax.random.split(jax.random.key(config.seed))
    update = make_update(prepared, mesh, train_key)
    predict = report.make_predict(prepared.module, prepared.symbols, config.batch_size)

    def evaluate(state: TrainState, done: int):
        found = predict(jax.device_get(state.params), validation)
        metrics = report.measure("validation", validation, found)
        state = keep_best(state, metrics[report.main_score(metrics)], config.patience)
        if done == config.num_updates and test:
            found = predict(jax.device_get(state.best_params), test)
            metrics |= report.measure("test", test, found)
            report.write_errors(run, done, test, found)
        run.log(done, **metrics)
        run.write_plot("learning_curve", report.plot_scores(run.metrics(), levels))
        return state, metrics

    fit(
        run,
        state,
        update,
        evaluate,
        units_per_update=config.batch_size,
        unit="sentences",
    )


if __name__ == "__main__":
    main(train, Config, presets=PRESETS)
