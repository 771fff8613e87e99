"""Character language models: Elman, LSTM and GRU, with honest baselines beside them.

A network reads a text a character at a time and predicts the next one. It is trained by
truncated backpropagation through time, the carry handed on from window to window. An
interpolated n-gram and a fixed-window network read the same text and are judged by the
same measure, nats a character.

  python -m experiments.char_lm
  python -m experiments.char_lm --preset small --data-dir DATA
  python -m experiments.char_lm --model ngram --dataset tinyshakespeare
  python -m experiments.char_lm --data-path my.txt --prompt "Once "
  python -m experiments.char_lm --resume RUN --sample 500 --temperature 0.7

To compare with, on the last tenth of tinyshakespeare: a 5-gram reaches 1.669 nats a
character, a transformer of 10.7 million weights 1.4697 in windows of 256 characters.
What these commands reached, where and how long it took is in the README.

References:
  Elman, "Finding Structure in Time", Cognitive Science 1990. Karpathy, "The
  Unreasonable Effectiveness of Recurrent Neural Networks", 2015, and its program
  char-rnn, for the presets char_rnn and lecture.
"""

import dataclasses
import math
from typing import Literal

import numpy as np

from experiments.baselines import ngram
from experiments.baselines.window_mlp import window_mlp
from experiments.data.corpus import Corpus, load_characters
from experiments.data.text import ptb_characters
from experiments.harness import Run, flag, main
from experiments.language.config import LanguageConfig, make_network
from experiments.language.evaluation import mean_nats, mean_nats_of_windows
from experiments.language.samples import encode_prompt, keep_vocabulary
from experiments.language.training import sample_network, train_network
from rnnjax import Layer
from rnnjax.layers.language_model import language_model


@dataclasses.dataclass(frozen=True)
class Config(LanguageConfig):
    """Flags of the character language models."""

    model: Literal["elman", "lstm", "gru", "ngram", "window_mlp"] = flag(
        "lstm", "a recurrent cell, or a baseline"
    )
    train_fraction: float = flag(0.9, "share of a text in one piece for training")
    window: int = flag(16, "characters that window_mlp sees", minimum=1)
    ngram_order: int = flag(6, "highest order of the n-grams", minimum=1)
    num_updates: int = flag(2000, "updates of the parameters in all")
    eval_every: int = flag(500, "updates between two evaluations")
    checkpoint_every: int = flag(500, "updates between two checkpoints")


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


def train(config: Config, run: Run) -> None:
    """Trains the network that `config` asks for, or counts n-grams."""
    config = config.settled()
    run.record_choice("num_devices", config.num_devices)
    corpus = load(config)
    for name, digest in corpus.digests.items():
        run.record_data(name, digest)
    keep_vocabulary(run.directory, corpus.vocabulary)
    encode_prompt(corpus.vocabulary, prompt_symbols(config))
    run.print(
        f"{len(corpus.train):,} characters to learn and {len(corpus.validation):,} to "
        f"validate with, {len(corpus.vocabulary)} distinct"
    )
    if config.model == "ngram":
        count_ngrams(config, run, corpus)
        return
    layer = make_layer(config, len(corpus.vocabulary))
    train_network(
        config,
        run,
        corpus,
        layer,
        lambda params, is_last: measure(layer, params, corpus, is_last),
        prompt=prompt_symbols(config),
        levels=ngram_levels(corpus, fit_ngram(config, corpus)),
        unit="characters",
    )


def sample(config: Config, run: Run, num_steps: int) -> None:
    """Prints a sample of the model that a run trained."""
    if config.model == "ngram":
        corpus = load(config)
        run.print(draw_ngram(config, corpus, fit_ngram(config, corpus), num_steps))
    else:
        sample_network(config, run, make_layer, prompt_symbols(config), num_steps)


def load(config: Config) -> Corpus:
    """Loads the text."""
    return load_characters(
        config.dataset,
        config.data_path,
        config.data_dir,
        train_fraction=config.train_fraction,
    )


def make_layer(config: Config, vocab_size: int) -> Layer:
    """Makes the network, from tokens to logits."""
    if config.model == "window_mlp":
        return language_model(
            vocab_size, [window_mlp(config.window, config.hidden_size)]
        )
    return make_network(config, vocab_size)


def measure(layer: Layer, params, corpus: Corpus, is_last: bool) -> dict[str, float]:
    """Evaluates a network on the validation text, at last on the test text too."""
    previous = int(corpus.train[-1])
    nats = mean_nats(
        layer, params, corpus.validation, num_steps=1000, previous=previous
    )
    metrics = {"validation_loss": nats, "validation_bits": nats / math.log(2)}
    if is_last:
        metrics["validation_loss_in_windows_of_256"] = mean_nats_of_windows(
            layer, params, corpus.validation, num_steps=256, previous=previous
        )
    if is_last and corpus.test is not None:
        previous = int(corpus.validation[-1])
        nats = mean_nats(layer, params, corpus.test, num_steps=1000, previous=previous)
        metrics |= {"test_loss": nats, "test_bits": nats / math.log(2)}
    return metrics


def prompt_symbols(config: Config) -> list[str] | None:
    """Cuts the prompt into the symbols of the text."""
    if config.prompt is None:
        return None
    if config.dataset == "ptb" and config.data_path is None:
        return ptb_characters(config.prompt)[:-1]
    return list(config.prompt)


def fit_ngram(config: Config, corpus: Corpus) -> ngram.NGram:
    """Counts the n-grams of the training text."""
    return ngram.fit(corpus.train, config.ngram_order, len(corpus.vocabulary))


def ngram_levels(corpus: Corpus, model: ngram.NGram) -> dict[str, float]:
    """Returns the cross entropy on the validation text of n-grams of every order."""
    nats = ngram.cross_entropies(model, corpus.validation)
    return {f"{order}-gram": float(value) for order, value in enumerate(nats, 1)}


def count_ngrams(config: Config, run: Run, corpus: Corpus) -> None:
    """Judges n-grams of every order, and samples from the highest."""
    model = fit_ngram(config, corpus)
    levels = ngram_levels(corpus, model)
    for name, nats in levels.items():
        run.print(f"{name}: {nats:.3f} nats a character")
    run.log(0, validation_loss=nats, **levels)
    text = draw_ngram(config, corpus, model, config.sample_length)
    run.write_sample(0, text)
    run.print(f"\n{text}")


def draw_ngram(
    config: Config, corpus: Corpus, model: ngram.NGram, num_steps: int
) -> str:
    """Draws a text from n-grams and writes it after its prompt."""
    prompt = np.asarray(encode_prompt(corpus.vocabulary, prompt_symbols(config)))
    tokens = ngram.sample(
        model,
        prompt,
        num_steps,
        np.random.default_rng(config.seed),
        temperature=config.temperature,
    )
    return corpus.vocabulary.decode(np.concatenate([prompt, tokens]))


if __name__ == "__main__":
    main(train, Config, presets=PRESETS, sample=sample)
