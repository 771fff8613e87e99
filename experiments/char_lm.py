"""Character language models: Elman, LSTM and GRU networks, and two baselines.

A network reads a text character by character and predicts the next one. It is trained
by truncated backpropagation through time: each update reads the next window of the
text, and the carry is handed on from window to window. The baselines, an interpolated
n-gram and a network that sees a fixed window, are measured in the same way, in nats per
character.

  python -m experiments.char_lm
  python -m experiments.char_lm --preset small --data-dir DATA
  python -m experiments.char_lm --model ngram --dataset tinyshakespeare
  python -m experiments.char_lm --data-path my.txt --prompt "Once "
  python -m experiments.char_lm --resume RUN --sample 500 --temperature 0.7
  python -m experiments.char_lm --resume RUN --score --input lines.txt

For comparison, on the last tenth of tinyshakespeare: a 5-gram reaches 1.669 nats per
character, a transformer with 10.7 million weights 1.4697 in windows of 256 characters.
The results of these commands, with machine and time, are in docs/results.md.

References:
  Elman, "Finding Structure in Time", Cognitive Science 1990. Karpathy, "The
  Unreasonable Effectiveness of Recurrent Neural Networks", 2015, and its program
  char-rnn, for the presets char_rnn and lecture.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh

from experiments.data.corpus import Corpus, TextFlags, load_characters
from experiments.data.text import ptb_characters
from experiments.data.vocabulary import Vocabulary
from experiments.harness import Run, fit, flag, guarded, main
from experiments.shared import training, windows
from experiments.shared.answering import Answer, AnsweringFlags, answer_from
from experiments.shared.baselines import ngram_text
from experiments.shared.baselines.window_mlp import window_mlp
from experiments.shared.devices import make_mesh, split_batch, start_devices
from experiments.shared.evaluation import mean_nats, mean_nats_of_windows
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


@dataclasses.dataclass(frozen=True)
class Config(TextFlags, EpochDecayFlags, TextSamplingFlags):
    """Flags of the character language models."""

    model: Literal["recurrent", "ngram", "window_mlp"] = flag(
        "recurrent", "family of the model; the others are baselines"
    )
    cell: Literal["elman", "lstm", "gru"] = flag("lstm", "recurrent cell")
    train_fraction: float | None = flag(
        None,
        "share of a text in one piece for training; none: 0.9 of a data set, and 0.8 "
        "of your own text, which is also tested on",
    )
    hidden_size: int = flag(256, "width of each hidden layer", minimum=1)
    num_layers: int = flag(1, "number of recurrent layers", minimum=1)
    embedding_size: int | None = flag(
        None, "width of learned character vectors; none: one-hot", minimum=1
    )
    dropout_rate: float = flag(
        0.0, "probability of zeroing between layers, from 0 to below 1", minimum=0
    )
    tie_weights: bool = flag(False, "share the embedding with the output layer")
    init_bound: float | None = flag(
        None, "draw all weights from ±this; none: the default of each layer"
    )
    forget_bias: float = flag(1.0, "added to the initial bias of an LSTM's forget gate")
    window: int = flag(16, "characters that window_mlp sees", minimum=1)
    ngram_order: int = flag(6, "highest order of the n-grams", minimum=1)
    batch_size: int = flag(32, "streams read side by side", minimum=1)
    num_steps: int = flag(64, "steps through which gradients flow back", minimum=1)
    loss: Literal["mean_over_steps", "sum_over_time"] = flag(
        "mean_over_steps", "how the losses of the steps are combined before clipping"
    )
    learning_rate: float = flag(4e-3, "learning rate of the first epochs")
    decay_rate: float = flag(0.8, "factor on the learning rate per later epoch")
    constant_epochs: int = flag(4, "epochs before the rate decays")
    num_updates: int = flag(2000, "updates of the parameters in all")
    eval_every: int = flag(500, "updates between two evaluations")
    checkpoint_every: int = flag(500, "updates between two checkpoints")
    num_devices: int | None = flag(
        None,
        "devices that share the batch; none: by cores, batch and width",
        resumable=True,
        minimum=1,
    )

    def __post_init__(self):
        """Checks the range of `train_fraction`."""
        super().__post_init__()
        if self.train_fraction is not None and not 0 < self.train_fraction < 1:
            raise ValueError(
                f"train_fraction must be between 0 and 1, got {self.train_fraction}."
            )


SMALL = Config(
    dataset="tinyshakespeare",
    hidden_size=512,
    dropout_rate=0.3,
    batch_size=64,
    decay_rate=0.75,
    num_updates=12 * 245,
    eval_every=245,
    checkpoint_every=245,
)
CHAR_RNN = Config(
    dataset="tinyshakespeare",
    train_fraction=0.95,
    hidden_size=128,
    num_layers=2,
    batch_size=50,
    num_steps=50,
    loss="sum_over_time",
    optimizer="rmsprop",
    learning_rate=2e-3,
    decay_rate=0.97,
    constant_epochs=10,
    max_norm=None,
    max_value=5.0,
    init_bound=0.08,
    num_updates=50 * 423,
    eval_every=423,
    checkpoint_every=423,
)
LECTURE = dataclasses.replace(
    CHAR_RNN,
    train_fraction=0.9,
    hidden_size=512,
    num_layers=3,
    dropout_rate=0.5,
    batch_size=100,
    num_steps=100,
    num_updates=50 * 100,
    eval_every=100,
    checkpoint_every=100,
)
PRESETS = {"small": SMALL, "char_rnn": CHAR_RNN, "lecture": LECTURE}


def make_model(config: Config, symbols: Vocabulary, rngs: Any) -> LanguageModel:
    """Makes the network, from characters to logits of the next one.

    Raises:
      ValueError: if the model is `ngram`, which is no network.
    """
    if config.model == "ngram":
        raise ValueError("model must be a network, got ngram.")
    if config.model == "window_mlp":
        layer = window_mlp(config.window, config.hidden_size)
        return LanguageModel(len(symbols), [layer], rngs=rngs)
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
    corpus = load_corpus(config)
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
    """Trains the network that `config` asks for, or counts n-grams."""
    if config.model == "ngram":
        count_ngrams(config, run)
        return
    prepared = prepare(config)
    run.record_choice("num_devices", prepared.num_devices)
    corpus, module = prepared.data, prepared.module
    vocabulary = corpus.vocabulary
    record_corpus(run, corpus)
    prompt = encode_prompt(vocabulary, prompt_symbols(config))
    ngrams = ngram_text.fit_corpus(corpus, config.ngram_order)
    levels = ngram_text.validation_levels(ngrams, corpus)
    _, train_key, sample_key = split_seed(config)
    mesh = make_mesh(prepared.num_devices)
    state = place(initial_state(module, prepared.optimizer, config.batch_size), mesh)
    run.print(f"{config.model}, {training.num_weights(state.params):,} weights")
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
        figure = learning_curve(
            run.metrics(), levels=levels, ylabel="nats per character"
        )
        run.write_plot("learning_curve", figure)
        return state, metrics

    fit(
        run,
        state,
        update,
        evaluate,
        units_per_update=config.batch_size * config.num_steps,
        unit="characters",
    )


def evaluate_model(
    module: Recurrent, corpus: Corpus, is_last: bool
) -> dict[str, float]:
    """Evaluates on the validation text, and at the end on the test text if any."""
    previous = int(corpus.train[-1])
    nats = mean_nats(module, corpus.validation, num_steps=1000, previous=previous)
    metrics = {"validation_loss": nats, "validation_bits": nats / math.log(2)}
    if is_last:
        metrics["validation_loss_in_windows_of_256"] = mean_nats_of_windows(
            module, corpus.validation, num_steps=256, previous=previous
        )
    if is_last and corpus.test is not None:
        previous = int(corpus.validation[-1])
        nats = mean_nats(module, corpus.test, num_steps=1000, previous=previous)
        metrics |= {"test_loss": nats, "test_bits": nats / math.log(2)}
    return metrics


def sample(config: Config, run: Run, num_steps: int) -> None:
    """Prints a sample of the model that a run trained."""
    seed, temperature = config.seed, config.temperature
    if config.model == "ngram":
        corpus = load_corpus(config)
        prompt = np.asarray(encode_prompt(corpus.vocabulary, prompt_symbols(config)))
        model = ngram_text.fit_corpus(corpus, config.ngram_order)
        text = ngram_text.sample_ngram(
            model, corpus, prompt, num_steps, seed, temperature
        )
    else:
        module, _, vocabulary = load(run.directory)
        prompt = encode_prompt(vocabulary, prompt_symbols(config))
        key = jax.random.key(seed)
        text = sample_text(module, vocabulary, prompt, num_steps, key, temperature)
    run.print(text)


def load_corpus(config: Config) -> Corpus:
    """Loads the text, in the vocabulary of `--init-from` if that is given."""
    vocabulary = initial_vocabulary(config, "experiments.char_lm")
    return load_characters(config, config.train_fraction, vocabulary)


def split_seed(config: Config) -> jax.Array:
    """Returns the keys of the initial parameters, of training and of samples."""
    return jax.random.split(jax.random.key(config.seed), 3)


def prompt_symbols(config: Config) -> list[str] | None:
    """Splits the prompt into the symbols of the text."""
    return None if config.prompt is None else split_symbols(config, config.prompt)


def split_symbols(config: Config, line: str) -> list[str]:
    """Splits a line into the symbols of the text."""
    if config.dataset == "ptb" and config.data_path is None:
        return ptb_characters(line)[:-1]
    return list(line)


def score(directory: Path, flags: AnsweringFlags) -> int:
    """Scores lines, a mean of nats per symbol for each."""
    return answer_from(flags, make_reply(load(directory)))


def make_reply(trained: Trained) -> Callable[[str], Answer]:
    """Makes the function that scores a line."""
    return make_line_scorer(trained, functools.partial(split_symbols, trained.config))


def count_ngrams(config: Config, run: Run) -> None:
    """Evaluates n-grams of every order, and samples from the highest."""
    corpus = load_corpus(config)
    record_corpus(run, corpus)
    prompt = np.asarray(encode_prompt(corpus.vocabulary, prompt_symbols(config)))
    model = ngram_text.fit_corpus(corpus, config.ngram_order)
    levels = ngram_text.validation_levels(model, corpus)
    for name, nats in levels.items():
        run.print(f"{name}: {nats:.3f} nats per character")
    run.log(0, validation_loss=nats, **levels)
    text = ngram_text.sample_ngram(
        model, corpus, prompt, config.sample_length, config.seed, config.temperature
    )
    run.write_sample(0, text)
    run.print(f"\n{text}")


if __name__ == "__main__":
    main(train, Config, presets=PRESETS, sample=sample, uses=[score])
