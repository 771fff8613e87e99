"""Word language models as Zaremba, Sutskever and Vinyals regularised them.

A stack of LSTMs over learned word vectors predicts the next word of Penn Treebank; its
dropout acts on the connections between layers, never on those through time. The measure
is perplexity, exp of the nats a word, with the carry handed on through the whole text
and every word counted once, the ends of lines included.

  python -m experiments.word_lm
  python -m experiments.word_lm --preset zaremba_small --data-dir DATA
  python -m experiments.word_lm --data-path my.txt --min-count 2
  python -m experiments.word_lm --resume RUN --sample 100 --prompt "the company"

Published test perplexities: 114.5 small, 82.7 medium, 78.4 large; a bigram has 200.3.
What these commands reached, where and how long it took is in the README. The loss is
summed over the steps of a window and averaged over the batch: the learning rate of 1
and the clipping belong to that sum.

References:
  Zaremba, Sutskever and Vinyals, "Recurrent Neural Network Regularization", 2014,
  section 4.1 for the three presets.
"""

import dataclasses
import math
from typing import Literal

from experiments.baselines import ngram
from experiments.data.corpus import Corpus, load_words
from experiments.harness import Run, flag, main
from experiments.language.config import LanguageConfig, make_network
from experiments.language.evaluation import mean_nats
from experiments.language.samples import keep_vocabulary
from experiments.language.training import sample_network, train_network
from rnnjax import Layer

PTB_TRAIN_WORDS = 929_589


@dataclasses.dataclass(frozen=True)
class Config(LanguageConfig):
    """Flags of the word language models."""

    model: Literal["elman", "lstm", "gru"] = flag("lstm", "recurrent cell")
    min_count: int = flag(
        2, "occurrences that make a word a token of its own", minimum=1
    )
    hidden_size: int = flag(128, "width of each recurrent layer")
    embedding_size: int | None = flag(128, "width of the word vectors; none: one-hot")
    dropout_rate: float = flag(
        0.3, "probability of zeroing between layers, from 0 to below 1"
    )
    num_steps: int = flag(32, "steps through which gradients flow back")
    num_updates: int = flag(400, "updates of the parameters in all")
    eval_every: int = flag(100, "updates between two evaluations")
    checkpoint_every: int = flag(100, "updates between two checkpoints")
    sample_length: int = flag(60, "words in the sample of an evaluation")


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


def train(config: Config, run: Run) -> None:
    """Trains the language model that `config` asks for."""
    config = config.settled()
    run.record_choice("num_devices", config.num_devices)
    corpus = load_words(
        config.dataset, config.data_path, config.data_dir, min_count=config.min_count
    )
    for name, digest in corpus.digests.items():
        run.record_data(name, digest)
    keep_vocabulary(run.directory, corpus.vocabulary)
    run.print(
        f"{len(corpus.train):,} words to learn, {len(corpus.validation):,} to validate "
        f"with, {len(corpus.vocabulary):,} distinct"
    )
    layer = make_network(config, len(corpus.vocabulary))
    train_network(
        config,
        run,
        corpus,
        layer,
        lambda params, is_last: measure(layer, params, corpus, is_last),
        prompt=prompt_words(config),
        levels=ngram_levels(corpus),
        unit="words",
    )


def sample(config: Config, run: Run, num_steps: int) -> None:
    """Prints a sample of the model that a run trained."""
    sample_network(config, run, make_network, prompt_words(config), num_steps)


def measure(layer: Layer, params, corpus: Corpus, is_last: bool) -> dict[str, float]:
    """Evaluates a model on the validation text, at last on the test text too."""
    nats = mean_nats(
        layer,
        params,
        corpus.validation,
        num_steps=500,
        previous=int(corpus.train[-1]),
    )
    metrics = {"validation_loss": nats, "validation_perplexity": math.exp(nats)}
    if is_last and corpus.test is not None:
        nats = mean_nats(
            layer,
            params,
            corpus.test,
            num_steps=500,
            previous=int(corpus.validation[-1]),
        )
        metrics |= {"test_loss": nats, "test_perplexity": math.exp(nats)}
    return metrics


def ngram_levels(corpus: Corpus) -> dict[str, float]:
    """Returns the cross entropy of a unigram and a bigram on the validation text."""
    bigram = ngram.fit(corpus.train, 2, len(corpus.vocabulary))
    nats = map(float, ngram.cross_entropies(bigram, corpus.validation))
    return dict(zip(("unigram", "bigram"), nats, strict=True))


def prompt_words(config: Config) -> list[str] | None:
    """Cuts the prompt into words."""
    return None if config.prompt is None else config.prompt.split()


if __name__ == "__main__":
    main(train, Config, presets=PRESETS, sample=sample)
