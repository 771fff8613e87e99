"""Trained modules: the symbols kept with a run, and loading a run for use.

Symbols are what a run must keep of its data to be used on others: a vocabulary, or a
frozen dataclass of vocabularies, names and numbers. An experiment whose runs can be
loaded has, in its own file, the configuration class `Config` and
`make_model(config, symbols, rngs)`, where `symbols` is annotated with its class. The
module's parameters are the branch `best.params` of the state, or `params` without one.
"""

import dataclasses
import importlib
import json
import typing
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from flax import nnx

from experiments.data.corpus import Corpus
from experiments.data.vocabulary import Vocabulary
from experiments.harness import BadInput, Run, TrainingConfig, files, read_params
from experiments.harness.config import CONVERTER, read_config
from experiments.harness.results import read_results

FILE_NAME = "symbols.json"


class Trained(NamedTuple):
    """What a run trained.

    Attributes:
      module: the module with its best parameters, or its last ones.
      config: the configuration of the run.
      symbols: what the run keeps of its data.
    """

    module: Any
    config: Any
    symbols: Any


def load(
    directory: Path,
    *,
    experiment: str | None = None,
    symbols: Any = None,
) -> Trained:
    """Loads the module that a run trained.

    Args:
      directory: the run directory.
      experiment: the experiment that the run must be of, such as
        `experiments.char_lm`; None: any.
      symbols: the symbols that the run must have; None: any.

    Returns:
      The module, its configuration and its symbols.

    Raises:
      BadInput: if there is no run, or one of another experiment or symbols.
      ValueError: if the run has no checkpoint, or one that does not fit its
        configuration.
    """
    module = experiment_of(directory, experiment)
    own_symbols = load_symbols(directory, _symbols_type(module))
    if symbols is not None:
        _check_equal(directory, own_symbols, symbols)
    config = module.Config(**read_config(module.Config, directory / "config.json"))
    made = module.make_model(config, own_symbols, nnx.Rngs(0))
    state = nnx.as_pure(nnx.state(made))
    branches = ("best.params", "params")
    nnx.update(made, read_params(directory, state, branches=branches))
    return Trained(made, config, own_symbols)


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
    save_symbols(run.directory, corpus.vocabulary)
    parts = {"training": corpus.train, "validation": corpus.validation}
    if corpus.test is not None:
        parts["test"] = corpus.test
    sizes = ", ".join(f"{len(tokens):,} for {name}" for name, tokens in parts.items())
    run.print(f"{len(corpus.vocabulary):,} distinct symbols; {sizes}")


def save_symbols(directory: Path, symbols: Any) -> None:
    """Writes a run's symbols, or compares them with those already there.

    Args:
      directory: the run directory.
      symbols: a vocabulary, or a frozen dataclass of vocabularies, names and numbers.

    Raises:
      BadInput: if the run was trained with other symbols; says how they differ.
    """
    path = directory / FILE_NAME
    if path.exists():
        _check_equal(directory, load_symbols(directory, type(symbols)), symbols)
    else:
        content = json.dumps(CONVERTER.unstructure(symbols), indent=0)
        files.write_whole(path, content.encode())


def load_symbols(directory: Path, kind: type) -> Any:
    """Reads the symbols of a run.

    Args:
      directory: the run directory.
      kind: their class.

    Raises:
      BadInput: if the run keeps none, or others.
    """
    path = directory / FILE_NAME
    try:
        return CONVERTER.structure(json.loads(path.read_text("utf-8")), kind)
    except FileNotFoundError:
        raise BadInput("the run keeps no symbols.", directory) from None
    except Exception:  # cattrs raises many kinds
        raise BadInput(f"the file must be a {kind.__name__} in JSON.", path) from None


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
        return load_symbols(
            config.run_dir, Vocabulary
        )  # resumed: the other run may be gone
    _check_experiment(config.init_from, experiment)
    return load_symbols(config.init_from, Vocabulary)


def _check_experiment(directory: Path, wanted: str | None) -> str:
    """Returns the name of the experiment that a run is of."""
    results = read_results(directory)
    if results is None:
        raise BadInput("the directory holds no run.", directory)
    name = results["experiment"]
    if wanted is not None and name != wanted:
        raise BadInput(f"the run must be of {wanted}, got one of {name}.", directory)
    return name


def _symbols_type(experiment: ModuleType) -> type:
    return typing.get_type_hints(experiment.make_model)["symbols"]


def _check_equal(directory: Path, kept: Any, given: Any) -> None:
    if kept == given:
        return
    if isinstance(kept, Vocabulary):
        missing = [symbol for symbol in kept.symbols if symbol not in given]
        new = [symbol for symbol in given.symbols if symbol not in kept]
        raise BadInput(
            f"the vocabulary must be the {len(kept)} symbols of the run, got "
            f"{len(given)}: missing are {_first(missing)}, new {_first(new)}.",
            directory,
        )
    for field in dataclasses.fields(kept):
        ours, theirs = getattr(kept, field.name), getattr(given, field.name)
        if isinstance(ours, Vocabulary):
            _check_equal(directory, ours, theirs)
        elif ours != theirs:
            raise BadInput(
                f"{field.name} must be that of the run, {ours!r}, got {theirs!r}.",
                directory,
            )


def _first(symbols: list[str], most: int = 5) -> str:
    if not symbols:
        return "none"
    shown = ", ".join(map(repr, symbols[:most]))
    return shown if len(symbols) <= most else f"{shown} and {len(symbols) - most} more"
