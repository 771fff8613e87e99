"""Classification: a label for a text, several labels, or a number.

A recurrent network reads the words, a pooling sums up what it has read, and an affine
map of that scores the labels. Trees are read from the leaves to the root, and every
node that has a label counts. The baselines go through the same loop and the same
measure: bag of words, tf-idf, the average of word vectors; and the most frequent label.

  python -m experiments.classification
  python -m experiments.classification --data-path my.csv --text-column review
  python -m experiments.classification --data-path my_folder_of_classes
  python -m experiments.classification --resume RUN --predict < texts.txt
  python -m experiments.classification --preset imdb_lstm --data-dir DATA
  python -m experiments.classification --preset sst --data-dir DATA

Expected without flags: 0.999 of the made test reviews right after 1,000 updates, where
a bag of words has 0.54.

References:
  Chollet, "Deep Learning with Python", 2017, sections 6.2 and 6.3, for the presets of
  reviews; Tai, Socher and Manning, "Improved Semantic Representations From
  Tree-Structured Long Short-Term Memory Networks", ACL 2015; Yang et al., "Hierarchical
  Attention Networks for Document Classification", NAACL 2016.
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from experiments.classification import presets, report
from experiments.classification.answers import make_line_classifier
from experiments.classification.baselines import BAGS, BagOfWords, inverse_frequencies
from experiments.classification.batches import (
    Batch,
    Batches,
    encode_words,
    text_batches,
)
from experiments.classification.loading import (
    Parts,
    TextFlags,
    load_texts,
    make_vocabulary,
)
from experiments.classification.measures import constant_scores, measure
from experiments.classification.modules import apply, fixed_params, word_vectors
from experiments.classification.targets import (
    Symbols,
    label_weights,
    loss_of,
    make_symbols,
)
from experiments.classification.tree_batches import tree_batches
from experiments.data.vocabulary import UNKNOWN
from experiments.harness import Run, fit, flag, main
from experiments.harness.names import look_up
from experiments.shared.answering import Answer, PredictFlags, answer_from
from experiments.shared.augmentation import drop_words
from experiments.shared.best import BestState, initial_state, keep_best, make_update
from experiments.shared.cells import cell_makers
from experiments.shared.compiling import quick_compile
from experiments.shared.figures import score_curve
from experiments.shared.optimizers import OptimizerFlags, make_optimizer
from experiments.shared.trained import Trained, load, save_symbols
from experiments.shared.vectors import VectorTable, load_vectors
from rnnjax.attention import additive_pooling
from rnnjax.base import Array
from rnnjax.layers import (
    bidirectional,
    dropout,
    embed,
    last_read,
    last_step,
    max_pool,
    mean_pool,
)
from rnnjax.models.sequence_classifier import SequenceClassifier
from rnnjax.models.tree_classifier import TreeClassifier
from rnnjax.regularizers import l2_penalty
from rnnjax.trees import nary_tree_lstm


@dataclasses.dataclass(frozen=True)
class Config(OptimizerFlags, TextFlags):
    """Flags of the classifiers."""

    model: Literal["recurrent", "tree", "bag_of_words", "tf_idf", "average"] = flag(
        "recurrent", "a network, the Tree-LSTM, or a baseline"
    )
    cell: str = flag("lstm", "recurrent cell, by the name of its maker")
    hidden_size: int = flag(32, "width of the cell", minimum=1)
    num_layers: int = flag(1, "number of recurrent layers", minimum=1)
    both_directions: bool = flag(False, "read texts in both directions")
    pooling: Literal["last", "mean", "max", "attention"] = flag(
        "last", "how what was read is summed up"
    )
    embedding_size: int = flag(32, "width of the vectors of words", minimum=1)
    dropout_rate: float = flag(0.0, "probability of zeroing around layers", minimum=0)
    word_dropout_rate: float = flag(
        0.0, "probability of reading a word as unknown", minimum=0
    )
    class_weights: Literal["equal", "balanced"] = flag(
        "equal", "how much examples count; balanced: all labels together alike"
    )
    batch_size: int = flag(32, "texts per update", minimum=1)
    learning_rate: float = flag(5e-3, "learning rate", minimum=0)
    l2_weight: float = flag(
        0.0,
        "half of it times the sum of squared weights is added to the loss",
        minimum=0,
    )
    patience: int = flag(
        2, "evaluations without a better score until the rate is halved", minimum=1
    )
    num_updates: int = flag(1000, "updates of the parameters in all")
    eval_every: int = flag(125, "updates between two evaluations")

    def __post_init__(self):
        """Checks that the flags come together."""
        super().__post_init__()
        if self.model == "tree" and self.target != "label":
            raise ValueError("target must be label for the model tree.")
        has_weights = self.target == "label" and self.model != "tree"
        if self.class_weights == "balanced" and not has_weights:
            raise ValueError(
                "class_weights must be equal unless target is label, and for trees."
            )
        if self.vectors is not None and self.model in BAGS:
            raise ValueError(f"vectors must not be given for the model {self.model}.")
        if self.word_dropout_rate and self.model in (*BAGS, "tree"):
            raise ValueError(f"word_dropout_rate must be 0 for the model {self.model}.")


PRESETS = {name: Config(**flags) for name, flags in presets.PRESETS.items()}


def make_model(config: Config, symbols: Symbols, rngs: nnx.Rngs) -> Any:
    """Makes the network, from words to scores.

    Raises:
      ValueError: if there is no cell of that name.
    """
    num_words, size = len(symbols.words), symbols.vector_size or config.embedding_size
    if config.model in BAGS:
        idf = np.ones(num_words, np.float32) if config.model == "tf_idf" else None
        return BagOfWords(num_words, symbols.num_outputs, idf)
    if config.model == "tree":
        return TreeClassifier(
            num_words,
            nary_tree_lstm(config.hidden_size),
            symbols.num_outputs,
            embedding_size=size,
            dropout_rate=config.dropout_rate,
            rngs=rngs,
        )
    drop = [dropout(config.dropout_rate)] if config.dropout_rate else []
    layers = [embed(size), *drop]
    pooling: Any = mean_pool
    if config.model == "recurrent":
        cell = look_up("cell", config.cell, cell_makers())(config.hidden_size)
        layer = bidirectional(cell) if config.both_directions else cell
        layers += [layer, *drop] * config.num_layers
        pooling = {
            "last": last_read if config.both_directions else last_step,
            "mean": mean_pool,
            "max": max_pool,
            "attention": additive_pooling(config.hidden_size),
        }[config.pooling]
    return SequenceClassifier(
        num_words, layers, symbols.num_outputs, pooling=pooling, rngs=rngs
    )


class Prepared(NamedTuple):
    """The parts of a training, for `train` and for any other tool.

    Attributes:
      data: the texts, in parts.
      symbols: what the numbers stand for.
      vectors: the pretrained vectors; None: there are none.
      train, validation, test: the batches of each part; None: there is no test.
      batch: `batch(i)`, the batch of update i, on the host.
      epoch_length: updates per epoch.
      module: the network with its initial parameters.
      loss: `loss(params, batch, key) -> nats per example`.
      optimizer: the optimizer, including clipping.
    """

    data: Parts
    symbols: Symbols
    vectors: VectorTable | None
    train: Batches
    validation: Batches
    test: Batches | None
    batch: Callable[[int], Batch]
    epoch_length: int
    module: Any
    loss: Callable[..., Array]
    optimizer: optax.GradientTransformation


def prepare(config: Config, parts: Parts | None = None) -> Prepared:
    """Makes the batches, the module, the loss and the optimizer.

    Args:
      config: the configuration.
      parts: the texts, if they are loaded already.

    Returns:
      The parts of a training.
    """
    parts = load_texts(config) if parts is None else parts
    words = make_vocabulary(parts.train, config)
    is_tree, is_bag = config.model == "tree", config.model in BAGS
    symbols = make_symbols(config.target, words, parts.train, of_nodes=is_tree)
    vectors = load_vectors(config, words.symbols)
    if vectors is not None:
        size = vectors.table.shape[1]
        symbols = dataclasses.replace(symbols, vector_size=size)
    make = tree_batches if is_tree else functools.partial(text_batches, as_bags=is_bag)
    make = functools.partial(
        make, symbols=symbols, flags=config, batch_size=config.batch_size
    )
    train, validation = make(parts.train), make(parts.validation)
    if config.class_weights == "balanced":
        weights = label_weights(train.targets, symbols)
        train = make(parts.train, label_weights=weights)
    init_key, _ = jax.random.split(jax.random.key(config.seed))
    module = make_model(config, symbols, nnx.Rngs(init_key))
    if vectors is not None:
        word_vectors(module)[...] = jnp.asarray(vectors.table)
    if config.model == "tf_idf":
        tokens = encode_words(parts.train, symbols, config)
        module.idf[...] = jnp.asarray(inverse_frequencies(tokens, len(words)))
    graph = nnx.graphdef(module)
    unknown = int(words.encode([UNKNOWN])[0])

    def loss(params, batch, key):
        model = nnx.merge(graph, params)
        if rate := config.word_dropout_rate:
            key, word_key = jax.random.split(key)
            tokens = drop_words(word_key, batch.inputs, unknown, rate)
            batch = batch._replace(inputs=tokens)
        for param in fixed_params(model, config.freeze_vectors):
            param[...] = jax.lax.stop_gradient(param[...])
        losses = loss_of(config.target, apply(model, batch, key), batch.targets)
        mean = (batch.weights * losses).sum() / batch.weights.sum()
        if not config.l2_weight:
            return mean
        weights = nnx.as_pure(nnx.state(model))
        return mean + config.l2_weight / 2 * l2_penalty(weights, lambda path: True)

    return Prepared(
        parts,
        symbols,
        vectors,
        train,
        validation,
        make(parts.test) if parts.test else None,
        train.batch,
        train.epoch_length,
        module,
        loss,
        make_optimizer(config),
    )


def make_indexed_update(
    prepared: Prepared, key: Array
) -> Callable[[BestState, int], tuple[BestState, dict[str, Array]]]:
    """Makes the update: that of i reads batch i and draws by `key` and i."""
    update = make_update(
        prepared.loss, prepared.optimizer, compiler_options=quick_compile()
    )
    return lambda state, i: update(state, prepared.batch(i), key, i)


def baseline_levels(config: Config, run: Run, prepared: Prepared) -> dict[str, float]:
    """Prints the scores of the baselines, and returns those of the validation part.

    The bag of words is trained by the same updates for at most five epochs, with its
    best parameters tested. It is left out where the model is itself a baseline.
    """
    constant = constant_scores(prepared.train.targets, prepared.symbols)

    def always(own: Batches) -> np.ndarray:
        return np.tile(constant, (len(own.targets), 1))

    levels = {"constant": report.measure_baseline(run, "constant", prepared, always)}
    if config.model in ("recurrent", "tree"):
        bag_config = dataclasses.replace(config, **presets.BAG)
        bag = prepare(bag_config, prepared.data)
        score, name = fit_baseline(bag_config, bag), "bag of words"
        levels[name] = report.measure_baseline(run, name, bag, score)
    return levels


def fit_baseline(config: Config, prepared: Prepared) -> Callable[[Batches], np.ndarray]:
    """Trains a baseline for at most five epochs; returns its best scores of a part."""
    score = report.make_scorer(prepared.module)
    update = make_indexed_update(prepared, jax.random.key(config.seed))
    state, length = (
        initial_state(prepared.module, prepared.optimizer),
        prepared.epoch_length,
    )
    num_updates = min(config.num_updates, 5 * length)
    for i in range(num_updates):
        state, _ = update(state, i)
        if (i + 1) % length == 0 or i + 1 == num_updates:
            state, _, _ = judge(config, prepared, state, score)
    return functools.partial(score, state.best.params)


def judge(
    config: Config, prepared: Prepared, state: BestState, score: report.Score
) -> tuple[BestState, dict[str, float], str]:
    """Scores the validation part, and keeps the parameters if they are the best.

    Returns:
      The state, the metrics, and the name of the one that decides.
    """
    part = prepared.validation
    scores = score(state.params, part)
    metrics, main_score = measure("validation", scores, part.targets, prepared.symbols)
    state = keep_best(state, metrics[main_score], patience=config.patience)
    return state, metrics, main_score


def train(config: Config, run: Run) -> None:
    """Trains the classifier that `config` asks for, beside the baselines."""
    prepared = prepare(config)
    report.describe(run, prepared, config)
    save_symbols(run.directory, prepared.symbols)
    levels = baseline_levels(config, run, prepared)
    _, train_key = jax.random.split(jax.random.key(config.seed))
    score = report.make_scorer(prepared.module)

    def evaluate(state: BestState, done: int):
        state, metrics, main_score = judge(config, prepared, state, score)
        metrics[f"best_{main_score}"] = float(state.best.score)
        if done == config.num_updates:
            metrics |= report.finish(run, done, prepared, score, state.best.params)
        run.log(done, **metrics)
        figure = score_curve(run.metrics(), score=main_score, levels=levels)
        run.write_plot("learning_curve", figure)
        return state, metrics

    fit(
        run,
        initial_state(prepared.module, prepared.optimizer),
        make_indexed_update(prepared, train_key),
        evaluate,
        units_per_update=config.batch_size,
        unit="texts",
    )


def predict(directory: Path, flags: PredictFlags) -> int:
    """Answers every line, a text, by its label, labels or number."""
    trained = load(directory, experiment="experiments.classification")
    return answer_from(flags, make_reply(trained, flags.probabilities))


def make_reply(
    trained: Trained, with_probabilities: bool = False
) -> Callable[[str], Answer]:
    """Makes the function that answers a line."""
    return make_line_classifier(trained, with_probabilities)


if __name__ == "__main__":
    main(train, Config, presets=PRESETS, uses=[predict])
