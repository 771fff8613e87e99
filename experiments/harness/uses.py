"""Uses of a trained run, each a flag beside `--resume` that takes training's place.

A use is a function of an experiment's own file, `predict(directory, flags)`: its name
is the flag, the first line of its docstring the help, and the annotation of `flags` the
dataclass of the flags that it takes.
"""

import dataclasses
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

Use = Callable[[Path, Any], int]


def flag_of(use: Use) -> str:
    """Returns the flag that asks for a use, such as `--predict`."""
    return "--" + use.__name__.replace("_", "-")


def asked_for(uses: Sequence[Use], arguments: Sequence[str]) -> Use | None:
    """Returns the use that a command line asks for, None if there is none."""
    return next((use for use in uses if flag_of(use) in arguments), None)


def options_of(uses: Sequence[Use]) -> dict[str, tuple[Any, str]]:
    """Returns the type and the help of each use's flag, for `--help` of training."""
    switch: Any = Annotated[bool, tyro.conf.FlagCreatePairsOff]
    return {
        use.__name__: (
            switch,
            f"with --resume: {_summary(use)} `{flag_of(use)} --help` lists its flags",
        )
        for use in uses
    }


def parse_use(use: Use, arguments: Sequence[str], command: str) -> tuple[Path, Any]:
    """Parses the command line of a use; `--help` and wrong flags exit.

    Args:
      use: the use that is asked for.
      arguments: the command line after the command.
      command: how the experiment is called: `python -m experiments.<name>`.

    Returns:
      The run directory and the flags of the use.
    """
    resume: Any = Annotated[Path, tyro.conf.arg(help="the run to use", metavar="RUN")]
    flags = typing.get_type_hints(use)["flags"]
    both = dataclasses.make_dataclass("Use", [("resume", resume), ("flags", flags)])
    parsed = tyro.cli(
        both,
        prog=f"{command} {flag_of(use)}",
        description=use.__doc__,
        args=[argument for argument in arguments if argument != flag_of(use)],
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
    )
    return parsed.resume, parsed.flags


def _summary(use: Use) -> str:
    return (use.__doc__ or "").strip().partition("\n")[0]
