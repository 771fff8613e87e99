"""Runs an experiment from the command line."""

import datetime
import shlex
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.harness import signals
from experiments.harness.arguments import parse
from experiments.harness.checkpoints import SaveFailed
from experiments.harness.config import RunConfig
from experiments.harness.console import print_text, replace_unencodable
from experiments.harness.errors import BadInput, MissingData
from experiments.harness.guard import Diverged
from experiments.harness.run import Run
from experiments.harness.signals import Stopped
from experiments.harness.uses import Use, asked_for, parse_use
from rnnjax.memory import keep_freed_memory

DONE, FAILED, BAD_INPUT, NO_DATA, DIVERGED = range(5)
UNSAVED = 128  # plus the signal's number, as shells have it


def main(
    train: Callable[[Any, Run], Any],
    config: type[RunConfig],
    *,
    presets: Mapping[str, RunConfig] | None = None,
    sample: Callable[[Any, Run, int], Any] | None = None,
    uses: Sequence[Use] = (),
) -> None:
    """Runs an experiment from the command line, and exits.

    The configuration is made of the defaults, `--preset`, the file of `--config` and
    the flags, each overriding those before; `--resume DIR` takes it from the run in
    DIR. The allocator is set up by `rnnjax.memory.keep_freed_memory` before JAX starts,
    unless `--no-keep-memory` is given.

    The exit status is 0 if the run is done or was saved on a signal, 2 for a wrong flag
    or bad input, 3 for missing data, 4 if the run diverged, 1 otherwise.

    A `ValueError` before the run begins is reported as bad input, without a traceback;
    a `BadInput` always is.

    Args:
      train: `train(config, run)`, in the experiment's own file.
      config: the experiment's configuration class.
      presets: configurations by name, for `--preset`.
      sample: `sample(config, run, n)`, for `--resume DIR --sample n`.
      uses: what else a run can be used for. `predict(directory, flags)` is called for
        `--resume DIR --predict`, with the flags of the class that annotates `flags`; it
        returns the number of inputs that it could not answer.
    """
    replace_unencodable()
    sys.exit(
        run_command(
            train, config, presets or {}, sample, sys.argv[1:], uses, owns_process=True
        )
    )


def run_command(
    train: Callable[[Any, Run], Any],
    config: type[RunConfig],
    presets: Mapping[str, RunConfig],
    sample: Callable[[Any, Run, int], Any] | None,
    arguments: list[str],
    uses: Sequence[Use] = (),
    *,
    owns_process: bool = False,
) -> int:
    """Does what `main` does, and returns the exit status.

    Args:
      train: see `main`.
      config: see `main`.
      presets: see `main`.
      sample: see `main`.
      arguments: the command line after the command.
      uses: see `main`.
      owns_process: whether the process runs nothing else, so that its allocator may be
        set up.

    Returns:
      The exit status.
    """
    module = sys.modules[train.__module__]
    # `python -m` names the module __main__; its specification has the real name.
    name = module.__spec__.name if module.__spec__ else train.__module__
    name = name.removesuffix(".__main__")  # of an experiment that is a folder
    command = f"python -m {name}"
    use = asked_for(uses, arguments)
    if use is not None:
        return _use(use, arguments, command, owns_process)
    docstring, can_sample = module.__doc__ or "", sample is not None
    try:
        options, settings = parse(
            config, presets, can_sample, arguments, command, docstring, uses
        )
        run = Run(
            options.resume
            or settings.run_dir
            or _new_directory(name, options, settings),
            settings,
            experiment=name,
            arguments=arguments,
            resumes=options.resume is not None,
            reads_only=options.sample is not None,
        )
    except (ValueError, OSError) as error:
        return _complain(error, BAD_INPUT)
    keeps = owns_process and settings.keep_memory and keep_freed_memory()
    run.record(freed_memory_kept=keeps)
    if sample is not None and options.sample is not None:
        return _sample(sample, run, options.sample)
    return _train(train, run, command)


def _new_directory(name: str, options: Any, settings: RunConfig) -> Path:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    last = f"{now}-{options.preset or 'default'}-seed{settings.seed}"
    return Path("runs") / name.rpartition(".")[2] / last


def _train(train, run: Run, command: str) -> int:
    """Trains, and reports how it ended: on the console, in the results, as status."""
    try:
        with signals.handled():
            train(run.config, run)
        run.close("done")
    except Stopped as stopped:
        if not run.begun:
            run.abandon()
            status = UNSAVED + stopped.received
            return _complain(f"{stopped}: stopped before training had begun.", status)
        run.close("interrupted")
        directory = shlex.quote(str(run.directory))
        print_text(f"{stopped}: saved; resume with: {command} --resume {directory}")
        return DONE
    except Diverged as error:
        run.close("diverged", error=str(error))
        return _complain(error, DIVERGED)
    except BaseException as error:
        _close_after(error, run)
        return _status_of(error, run.begun)
    print_text(f"done: {run.directory}")
    return DONE


def _sample(sample, run: Run, num_steps: int) -> int:
    return _answer(lambda: sample(run.config, run, num_steps))


def _use(use: Use, arguments: list[str], command: str, owns_process: bool) -> int:
    directory, flags = parse_use(use, arguments, command)
    if owns_process:
        keep_freed_memory()
    return _answer(lambda: use(directory, flags))


def _answer(use: Callable[[], Any]) -> int:
    """Uses a run, and returns the status: bad input if any was not answered."""
    try:
        return BAD_INPUT if use() else DONE
    except KeyboardInterrupt:
        return _complain("interrupted.", FAILED)
    except Exception as error:
        return _status_of(error, begun=False)


def _close_after(error: BaseException, run: Run) -> None:
    """Closes a run that failed."""
    try:
        if run.begun:
            run.close("failed", error=f"{type(error).__name__}: {error}")
        else:
            run.abandon()
    except OSError:  # such as on a full disk, which is the error already
        pass


def _status_of(error: BaseException, begun: bool) -> int:
    """Prints an error, with a traceback if it is a bug, and returns the status."""
    match error:
        case SystemExit():
            raise error
        case MissingData():
            return _complain(error, NO_DATA)
        case SaveFailed():
            return _complain(error, FAILED)
        case BadInput():
            return _complain(error, BAD_INPUT)
        case OSError():
            return _complain(error, FAILED if begun else BAD_INPUT)
        case ValueError() if not begun:
            return _complain(error, BAD_INPUT)
    traceback.print_exception(error)
    return FAILED


def _complain(error: object, status: int) -> int:
    sys.stdout.flush()
    print_text(f"error: {error}", sys.stderr)
    return status
