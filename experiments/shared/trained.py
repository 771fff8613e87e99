"""Trained modules: the vocabulary kept with a run, and loading a run for use.

An experiment whose runs can be loaded has, in its own file, the configuration class
`Config` and `make_model(config, vocab_size, rngs)`; its runs keep a vocabulary, and the
branch `params` of their state is the module's.
"""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jax
from flax import nnx

from experiments.data.corpus import Corpus
from experiments.data.vocabulary import Vocabulary
from experiments.harness import BadInput, Run, TrainingConfig, files, read_params
from experiments.harness.config import read_config
from experiments.harness.results import read_results
from rnnjax.models.recurrent import Recurrent

FILE_NAME = "vocabulary.json"


class Trained(NamedTuple):
    """What a run trained.

    Attributes:
      module: the module with its last parameters.
      config: the configuration of the run.
      vocabulary: the symbols of its tokens.
    """

    module: Recurrent
    config: Any
    vocabulary: Vocabulary


def load(
    directory: Path,
    *,
    experiment: str | None = None,
    vocabulary: Vocabulary | None = None,
) -> Trained:
    """Loads the module that a run trained.

    Args:
      directory: the run directory.
      experiment: the experiment that the run must be of, such as
        `experiments.char_lm`; None: any.
      vocabulary: the vocabulary that the run must have; None: any.

    Returns:
      The module, its configuration and its vocabulary.

    Raises:
      BadInput: if there is no run, or one of another experiment or vocabulary.
      ValueError: if the run has no checkpoint, or one that does not fit its
        configuration.
    """
    module = experiment_of(directory, experiment)
    own_vocabulary = load_vocabulary(directory)
    if vocabulary is not None:
        _check_equal(directory, own_vocabulary, vocabulary)
    config = module.Config(**read_config(module.Config, directory / "config.json"))
    made = module.make_model(config, len(own_vocabulary), jax.random.key(0))
    state = nnx.state(made)
    nnx.update(made, read_params(directory, nnx.as_pure(state)))
    return Trained(made, config, own_vocabulary)


def experiment_of(directory: Path, wanted: str | None = None) -> ModuleType:
    """Imports the experiment that a run is of.

    Args:
      directory: the run directory.
      wanted: the experiment that it must be of; None: any.

    Raises:
      BadInput: if the run is of another experiment.
    """
    name = _check_experiment(directory, wanted)
    module = importlib.import_module(name)
    if hasattr(module, "__path__"):  # a folder, whose file is __main__
        module = importlib.import_module(f"{name}.__main__")
    return module


def record_corpus(run: Run, corpus: Corpus) -> None:
    """Records in a run which text it learns, and prints the size of its parts.

    Raises:
      ValueError: if the run is resumed and learned another text or vocabulary.
    """
    for name, digest in corpus.digests.items():
        run.record_data(name, digest)
    save_vocabulary(run.directory, corpus.vocabulary)
    parts = {"training": corpus.train, "validation": corpus.validation}
    if corpus.test is not None:
        parts["test"] = corpus.test
    sizes = ", ".join(f"{len(tokens):,} for {name}" for name, tokens in parts.items())
    run.print(f"{len(corpus.vocabulary):,} distinct symbols; {sizes}")


def save_vocabulary(directory: Path, vocabulary: Vocabulary) -> None:
    """Writes a run's vocabulary, or compares it with the one already there.

    Raises:
      BadInput: if the run was trained with another vocabulary; says how they differ.
    """
    path = directory / FILE_NAME
    if path.exists():
        _check_equal(directory, load_vocabulary(directory), vocabulary)
    else:
        files.write_whole(path, vocabulary.to_json().encode())


def load_vocabulary(directory: Path) -> Vocabulary:
    """Reads the vocabulary of a run.

    Raises:
      BadInput: if the run keeps none.
    """
    path = directory / FILE_NAME
    try:
        return Vocabulary.from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput("the run keeps no vocabulary.", directory) from None


def initial_vocabulary(config: TrainingConfig, experiment: str) -> Vocabulary | None:
    """Returns the vocabulary of the run of `--init-from`, None without that flag.

    Args:
      config: the configuration.
      experiment: the experiment that the run must be of.

    Returns:
      The vocabulary to keep, so that the parameters still fit.

    Raises:
      BadInput: if the run is of another experiment.
    """
    if config.init_from is None:
        return None
    if config.run_dir is not None and (config.run_dir / FILE_NAME).exists():
        return load_vocabulary(config.run_dir)  # resumed: the other run may be gone
    _check_experiment(config.init_from, experiment)
    return load_vocabulary(config.init_from)


def _check_experiment(directory: Path, wanted: str | None) -> str:
    """Returns the name of the experiment that a run is of."""
    results = read_results(directory)
    if results is None:
        raise BadInput("the directory holds no run.", directory)
    name = results["experiment"]
    if wanted is not None and name != wanted:
        raise BadInput(f"the run must be of {wanted}, got one of {name}.", directory)
    return name


def _check_equal(directory: Path, kept: Vocabulary, given: Vocabulary) -> None:
    if kept == given:
        return
    missing = [symbol for symbol in kept.symbols if symbol not in given]
    new = [symbol for symbol in given.symbols if symbol not in kept]
    raise BadInput(
        f"the vocabulary must be the {len(kept)} symbols of the run, got {len(given)}: "
        f"missing are {_first(missing)}, new {_first(new)}.",
        directory,
    )


def _first(symbols: list[str], most: int = 5) -> str:
    if not symbols:
        return "none"
    shown = ", ".join(map(repr, symbols[:most]))
    return shown if len(symbols) <= most else f"{shown} and {len(symbols) - most} more"
