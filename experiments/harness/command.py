"""The command line of every experiment."""

import dataclasses
import datetime
import shlex
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from experiments.data.lookup import MissingData
from experiments.harness.checkpoints import SaveFailed
from experiments.harness.config import RunConfig, differences, flag, read_config
from experiments.harness.guard import Diverged
from experiments.harness.run import Run
from experiments.harness.signals import Stopped

DONE, FAILED, BAD_INPUT, NO_DATA, DIVERGED = range(5)


def main(
    train: Callable[[Any, Run], Any],
    config: type[RunConfig],
    *,
    presets: Mapping[str, RunConfig] | None = None,
    sample: Callable[[Any, Run, int], Any] | None = None,
) -> None:
    """Runs an experiment from the command line, and exits.

    The configuration is the defaults, overruled by `--preset`, by the file of
    `--config`, by the flags, in this order. `--resume DIR` takes it from the run in
    DIR. The exit status is 0 if the run is done or was saved on a signal, 2 for a
    wrong flag or bad input, 3 for missing data, 4 if the run diverged, 1 otherwise.

    Args:
      train: `train(config, run)`, in the experiment's own file.
      config: the experiment's configuration class.
      presets: configurations by name, for `--preset`.
      sample: `sample(config, run, n)`, for `--resume DIR --sample n`.
    """
    sys.exit(run_command(train, config, presets or {}, sample, sys.argv[1:]))


def run_command(train, config, presets, sample, arguments: list[str]) -> int:
    """Does what `main` does, and returns the exit status."""
    module = sys.modules[train.__module__]
    name = module.__spec__.name if module.__spec__ else Path(module.__file__).stem
    try:
        options, settings = _parse(
            config, presets, sample, arguments, name, module.__doc__ or ""
        )
        run = _open_run(options, settings, name, arguments)
    except (ValueError, OSError) as error:
        return _complain(error, BAD_INPUT)
    if options.sample is not None:
        return _sample(sample, settings, run, options.sample)
    return _train(train, settings, run, name)


def _train(train, config, run: Run, name: str) -> int:
    """Trains; whatever happens, the results say so."""
    try:
        train(config, run)
    except Stopped as stopped:
        run.close("interrupted")
        directory = shlex.quote(str(run.directory))
        print(f"{stopped}: saved; resume with: python -m {name} --resume {directory}")
        return DONE
    except Diverged as error:
        run.close("diverged", error=str(error))
        return _complain(error, DIVERGED)
    except BaseException as error:
        if run.training or run.resumes:
            _close_after(run, error)
        else:
            run.discard()
        return _status_of(error, run.training)
    run.close("done")
    print(f"done: {run.directory}")
    return DONE


def _sample(sample, config, run: Run, num_steps: int) -> int:
    try:
        sample(config, run, num_steps)
    except Exception as error:
        return _status_of(error, training=False)
    return DONE


def _status_of(error: BaseException, training: bool) -> int:
    """Prints an error as its kind deserves, and returns the exit status."""
    match error:
        case MissingData():
            return _complain(error, NO_DATA)
        case SaveFailed() | OSError():
            return _complain(error, FAILED if training else BAD_INPUT)
        case ValueError() if not training:
            return _complain(error, BAD_INPUT)
        case KeyboardInterrupt() if not training:
            return _complain("interrupted before training began", 130)
        case SystemExit():
            raise error
    traceback.print_exception(error)
    return FAILED


def _close_after(run: Run, error: BaseException) -> None:
    try:
        run.close("failed", error=f"{type(error).__name__}: {error}")
    except OSError:  # the disk that is full for the checkpoint is full for this too
        pass


def _complain(error: object, status: int) -> int:
    sys.stdout.flush()
    print(f"error: {error}", file=sys.stderr)
    return status


def _parse(config, presets, sample, arguments, name, docstring):
    """Returns the options about the configuration, and the configuration."""
    options_type = _options_type(presets, sample)
    prog = f"python -m {name}"
    # The options decide on the defaults that the flags are parsed and explained with.
    options, _ = tyro.cli(
        options_type,
        prog=prog,
        args=arguments,
        add_help=False,
        return_unknown_args=True,
    )
    if options.sample is not None and options.resume is None:
        raise ValueError("--sample needs --resume DIR, the run to sample from.")
    ours = None if options.resume is None else _config_of(config, options.resume)
    overrides = _overrides(config, presets, options)
    both = dataclasses.make_dataclass(
        "Command",
        [("run", options_type), ("experiment", config)],
        frozen=True,
    )
    command = tyro.cli(
        both,
        prog=prog,
        description=_description(prog, presets, sample, docstring),
        args=arguments,
        default=both(options, dataclasses.replace(ours or config(), **overrides)),
        config=(tyro.conf.OmitArgPrefixes,),
    )
    if ours is not None and (unlike := differences(ours, command.experiment)):
        raise ValueError(
            f"{options.resume} has another configuration:\n  " + "\n  ".join(unlike)
        )
    return command.run, command.experiment


def _options_type(presets, sample) -> type:
    """Makes the dataclass of the options that every experiment has."""
    absent = Annotated[None, tyro.conf.Suppress]
    options = {
        "preset": (
            Literal[tuple(presets)] | None if presets else absent,
            "start from the configuration of this name",
        ),
        "config": (Path | None, "start from a run's config.json, to repeat that run"),
        "resume": (Path | None, "go on with the run in this directory"),
        "sample": (
            int | None if sample else absent,
            "with --resume: instead of training, sample this many steps",
        ),
    }
    return dataclasses.make_dataclass(
        "Options",
        [(name, kind, flag(None, text)) for name, (kind, text) in options.items()],
        frozen=True,
    )


def _overrides(config, presets, options) -> dict[str, Any]:
    """Collects what the preset and the configuration file say."""
    overrides = {}
    if options.preset is not None:
        default, preset = config(), presets[options.preset]
        for field in dataclasses.fields(config):
            value = getattr(preset, field.name)
            if value != getattr(default, field.name):
                overrides[field.name] = value
    if options.config is not None:
        overrides |= read_config(config, options.config)
    return overrides


def _config_of(config, directory: Path) -> RunConfig:
    """Reads the configuration of the run in a directory."""
    path = directory / "config.json"
    if not path.is_file():
        raise ValueError(f"{directory} holds no run: {path} does not exist.")
    return config(**read_config(config, path) | {"run_dir": directory})


def _description(prog, presets, sample, docstring) -> str:
    """Writes the head of `--help`: examples first, then the experiment's docstring."""
    examples = [prog]
    if presets:
        examples.append(f"{prog} --preset {next(iter(presets))} --seed 1")
    examples.append(f"{prog} --resume RUN")
    if sample:
        examples.append(f"{prog} --resume RUN --sample 500")
    lines = "\n".join(f"  {example}" for example in examples)
    return f"Examples:\n{lines}\n\n{docstring.strip()}"


def _open_run(options, settings, name: str, arguments: list[str]) -> Run:
    """Opens the directory of the run, new or resumed."""
    directory = options.resume or settings.run_dir
    if directory is None:
        now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
        directory = Path("runs") / name.rpartition(".")[2]
        directory /= f"{now}-{options.preset or 'default'}-seed{settings.seed}"
    return Run(
        directory,
        settings,
        experiment=name,
        arguments=arguments,
        resumes=options.resume is not None,
        reads_only=options.sample is not None,
    )
