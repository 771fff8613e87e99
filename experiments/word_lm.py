"""Word language models with the regularization of Zaremba, Sutskever and Vinyals.

A stack of LSTMs over learned word vectors predicts the next word of Penn Treebank.
Dropout acts on the connections between layers, never on those through time. The measure
is perplexity, the exponential of the nats per word, with the carry handed on through
the whole text and every word counted once, including the ends of lines.

  python -m experiments.word_lm
  python -m experiments.word_lm --preset zaremba_small --data-dir DATA
  python -m experiments.word_lm --data-path my.txt --min-count 2
  python -m experiments.word_lm --resume RUN --sample 100 --prompt "the company"
  python -m experiments.word_lm --resume RUN --score --input lines.txt

Published test perplexities: 114.5 small, 82.7 medium, 78.4 large; a bigram has 200.3.
The results of these commands, with machine and time, are in docs/results.md. The loss
of the presets is summed over the steps of a window and averaged over the batch, which
is what their learning rate of 1 and their clipping are for.

References:
  Zaremba, Sutskever and Vinyals, "Recurrent Neural Network Regularization", 2014,
  section 4.1 for the three presets.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import jax
import optax
from flax import nnx
from jax.sharding import Mesh

from experiments.data.corpus import Corpus, TextFlags, load_words
from experiments.data.vocabulary import Vocabulary
from experiments.harness import Run, fit, flag, guarded, main
from experiments.shared import training, windows
from experiments.shared.answering import Answer, AnsweringFlags, answer_from
from experiments.shared.baselines.ngram_text import fit_corpus, validation_levels
from experiments.shared.devices import make_mesh, split_batch, start_devices
from experiments.shared.evaluation import mean_nats
from experiments.shared.figures import learning_curve
from experiments.shared.optimizers import EpochDecayFlags, make_decaying_optimizer
from experiments.shared.sampling import TextSamplingFlags, encode_prompt, sample_text
from experiments.shared.scoring import make_line_scorer
from experiments.shared.trained import Trained, initial_vocabulary, load, record_corpus
from experiments.shared.training import Prepared, TrainState, initial_state, place
from rnnjax import (
    cross_entropy_mean_over_steps,
    cross_entropy_sum_over_time,
    elman,
    gru,
    lstm,
)
from rnnjax.initializers import symmetric_uniform
from rnnjax.models.language_model import LanguageModel
from rnnjax.models.recurrent import Recurrent

CELLS = {"elman": elman, "lstm": lstm, "gru": gru}
PTB_TRAIN_WORDS = 929_589


@dataclasses.dataclass(frozen=True)
class Config(TextFlags, EpochDecayFlags, TextSamplingFlags):
    """Flags of the word language models."""

    cell: Literal["elman", "lstm", "gru"] = flag("lstm", "recurrent cell")
    min_count: int = flag(
        2, "occurrences that make a word a token of its own", minimum=1
    )
    hidden_size: int = flag(128, "width of each recurrent layer", minimum=1)
    num_layers: int = flag(1, "number of recurrent layers", minimum=1)
    embedding_size: int | None = flag(
        128, "width of learned word vectors; none: one-hot", minimum=1
    )
    dropout_rate: float = flag(
        0.3, "probability of zeroing between layers, from 0 to below 1", minimum=0
    )
    tie_weights: bool = flag(False, "share the embedding with the output layer")
    init_bound: float | None = flag(
        None, "draw all weights from ±this; none: the default of each layer"
    )
    forget_bias: float = flag(1.0, "added to the initial bias of an LSTM's forget gate")
    batch_size: int = flag(32, "streams read side by side", minimum=1)
    num_steps: int = flag(32, "steps through which gradients flow back", minimum=1)
    loss: Literal["mean_over_steps", "sum_over_time"] = flag(
        "mean_over_steps", "how the losses of the steps are combined before clipping"
    )
    learning_rate: float = flag(4e-3, "learning rate of the first epochs")
    decay_rate: float = flag(0.8, "factor on the learning rate per later epoch")
    constant_epochs: int = flag(4, "epochs before the rate decays")
    sample_length: int = flag(60, "words drawn at each evaluation")
    num_updates: int = flag(400, "updates of the parameters in all")
    eval_every: int = flag(100, "updates between two evaluations")
    checkpoint_every: int = flag(100, "updates between two checkpoints")
    num_devices: int | None = flag(
        None,
        "devices that share the batch; none: by cores, batch and width",
        resumable=True,
        minimum=1,
    )


def zaremba(
    hidden_size: int, num_steps: int, num_epochs: int, **fields: float
) -> Config:
    """Returns a configuration of the paper, on Penn Treebank."""
    batch_size = 20
    epoch_length = (PTB_TRAIN_WORDS // batch_size - 1) // num_steps
    published = {
        "dataset": "ptb",
        "min_count": 1,
        "hidden_size": hidden_size,
        "num_layers": 2,
        "embedding_size": hidden_size,
        "batch_size": batch_size,
        "num_steps": num_steps,
        "loss": "sum_over_time",
        "optimizer": "sgd",
        "learning_rate": 1.0,
        "forget_bias": 0.0,
        "num_updates": num_epochs * epoch_length,
        "eval_every": epoch_length,
        "checkpoint_every": epoch_length,
    }
    return Config(**{**published, **fields})


PRESETS = {
    "zaremba_small": zaremba(
        hidden_size=200,
        num_steps=20,
        num_epochs=13,
        dropout_rate=0.0,
        init_bound=0.1,
        decay_rate=1 / 2,
        constant_epochs=4,
        max_norm=5.0,
    ),
    "zaremba_medium": zaremba(
        hidden_size=650,
        num_steps=35,
        num_epochs=39,
        dropout_rate=0.5,
        init_bound=0.05,
        decay_rate=1 / 1.2,
        constant_epochs=6,
        max_norm=5.0,
    ),
    "zaremba_large": zaremba(
        hidden_size=1500,
        num_steps=35,
        num_epochs=55,
        dropout_rate=0.65,
        init_bound=0.04,
        decay_rate=1 / 1.15,
        constant_epochs=14,
        max_norm=10.0,
    ),
}


def make_model(config: Config, symbols: Vocabulary, rngs: Any) -> LanguageModel:
    """Makes the network, from words to logits of the next one."""
    cell_options: dict[str, Any] = {}
    model_options: dict[str, Any] = {}
    if config.cell == "lstm":
        cell_options["forget_bias"] = config.forget_bias
    if config.init_bound is not None:
        uniform = symmetric_uniform(config.init_bound)
        for name in ("kernel_init", "recurrent_kernel_init", "bias_init"):
            cell_options[name] = uniform
        for name in ("embedding_init", "head_kernel_init", "head_bias_init"):
            model_options[name] = uniform
    cell = CELLS[config.cell](config.hidden_size, **cell_options)
    return LanguageModel(
        len(symbols),
        [cell] * config.num_layers,
        embedding_size=config.embedding_size,
        dropout_rate=config.dropout_rate,
        tie_weights=config.tie_weights,
        rngs=rngs,
        **model_options,
    )


def prepare(config: Config) -> Prepared:
    """Makes the batches, the module, the loss and the optimizer.

    It starts JAX with the number of devices asked for.
    """
    num_devices = start_devices(
        config.num_devices, config.batch_size, config.hidden_size
    )
    vocabulary = initial_vocabulary(config, "experiments.word_lm")
    corpus = load_words(config, config.min_count, vocabulary)
    streams = windows.contiguous_streams(
        corpus.train, config.batch_size, config.num_steps
    )
    epoch_length = windows.windows_per_epoch(streams, config.num_steps)
    init_key, _, _ = split_seed(config)
    module = make_model(config, corpus.vocabulary, init_key)
    graph = nnx.graphdef(module)

    def batch(i):
        return windows.window(streams, i, config.num_steps)

    def loss(params, carry, batch, key):
        model = nnx.merge(graph, params)
        carry, logits = model(batch.inputs, carry, is_first=batch.is_first, key=key)
        # The losses of rnnjax are time first.
        logits, targets = logits.swapaxes(0, 1), batch.targets.swapaxes(0, 1)
        nats = cross_entropy_mean_over_steps(logits, targets)
        if config.loss == "mean_over_steps":
            return nats, (carry, nats)
        return cross_entropy_sum_over_time(logits, targets), (carry, nats)

    optimizer = make_decaying_optimizer(config, epoch_length, rms_decay=0.95)
    return Prepared(corpus, batch, epoch_length, module, loss, optimizer, num_devices)


def make_update(
    prepared: Prepared, mesh: Mesh, key: jax.Array
) -> Callable[[TrainState, int], tuple[TrainState, dict[str, jax.Array]]]:
    """Makes the update of truncated backpropagation through time.

    Update i reads window i from the carry that update i - 1 left; gradients stop at the
    beginning of the window. Its randomness is `fold_in(key, i)`.

    References:
      Williams and Peng, "An Efficient Gradient-Based Algorithm for On-Line Training of
      Recurrent Network Trajectories", Neural Computation 1990.
    """

    @functools.partial(jax.jit, donate_argnums=0)
    @guarded
    def update_window(state, batch, i):
        gradient = jax.value_and_grad(prepared.loss, has_aux=True)
        (_, (carry, nats)), grads = gradient(
            state.params, state.carry, batch, jax.random.fold_in(key, i)
        )
        updates, opt_state = prepared.optimizer.update(
            grads, state.opt_state, state.params
        )
        params = optax.apply_updates(state.params, updates)
        metrics = {"loss": nats, "grad_norm": optax.tree.norm(grads)}
        return place(TrainState(params, opt_state, carry), mesh), metrics

    def update(state, i):
        return update_window(state, split_batch(prepared.batch(i), mesh, axis=0), i)

    return update


def train(config: Config, run: Run) -> None:
    """Trains the language model that `config` asks for."""
    prepared = prepare(config)
    run.record_choice("num_devices", prepared.num_devices)
    corpus, module = prepared.data, prepared.module
    vocabulary = corpus.vocabulary
    record_corpus(run, corpus)
    prompt = encode_prompt(vocabulary, prompt_words(config))
    levels = validation_levels(fit_corpus(corpus, 2), corpus)
    _, train_key, sample_key = split_seed(config)
    mesh = make_mesh(prepared.num_devices)
    state = place(initial_state(module, prepared.optimizer, config.batch_size), mesh)
    run.print(f"{config.cell}, {training.num_weights(state.params):,} weights")
    update = make_update(prepared, mesh, train_key)

    def evaluate(state: TrainState, done: int):
        # One device reads the validation text and samples: there is no batch to share.
        nnx.update(module, jax.device_put(state.params, jax.devices()[0]))
        metrics = evaluate_model(module, corpus, done == config.num_updates)
        run.log(done, **metrics)
        key = jax.random.fold_in(sample_key, done)
        length, temperature = config.sample_length, config.temperature
        text = sample_text(module, vocabulary, prompt, length, key, temperature)
        run.write_sample(done, text)
        run.print(f"\n{text}\n")
        figure = learning_curve(run.metrics(), levels=levels, ylabel="nats per word")
        run.write_plot("learning_curve", figure)
        return state, metrics

    fit(
        run,
        state,
        update,
        evaluate,
        units_per_update=config.batch_size * config.num_steps,
        unit="words",
    )


def evaluate_model(
    module: Recurrent, corpus: Corpus, is_last: bool
) -> dict[str, float]:
    """Evaluates on the validation text, and at the end on the test text if any."""
    previous = int(corpus.train[-1])
    nats = mean_nats(module, corpus.validation, num_steps=500, previous=previous)
    metrics = {"validation_loss": nats, "validation_perplexity": math.exp(nats)}
    if is_last and corpus.test is not None:
        previous = int(corpus.validation[-1])
        nats = mean_nats(module, corpus.test, num_steps=500, previous=previous)
        metrics |= {"test_loss": nats, "test_perplexity": math.exp(nats)}
    return metrics


def sample(config: Config, run: Run, num_steps: int) -> None:
    """Prints a sample of the model that a run trained."""
    module, _, vocabulary = load(run.directory)
    prompt = encode_prompt(vocabulary, prompt_words(config))
    key = jax.random.key(config.seed)
    text = sample_text(module, vocabulary, prompt, num_steps, key, config.temperature)
    run.print(text)


def split_seed(config: Config) -> jax.Array:
    """Returns the keys of the initial parameters, of training and of samples."""
    return jax.random.split(jax.random.key(config.seed), 3)


def prompt_words(config: Config) -> list[str] | None:
    """Splits the prompt into words."""
    return None if config.prompt is None else config.prompt.split()


def score(directory: Path, flags: AnsweringFlags) -> int:
    """Scores lines, a mean of nats per symbol for each."""
    return answer_from(flags, make_reply(load(directory)))


def make_reply(trained: Trained) -> Callable[[str], Answer]:
    """Makes the function that scores a line."""
    return make_line_scorer(trained, str.split)


if __name__ == "__main__":
    main(train, Config, presets=PRESETS, sample=sample, uses=[score])
