"""Lists the data sets, or fetches one.

python -m experiments.data
python -m experiments.data fetch tinyshakespeare --data-dir ~/data
"""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import tyro

from experiments.data import lookup
from experiments.data.registry import DATASETS, dataset


@dataclasses.dataclass(frozen=True)
class List:
    """List the data sets; the default command."""


@dataclasses.dataclass(frozen=True)
class Fetch:
    """Download a data set and check its hash."""

    name: tyro.conf.Positional[str]
    """The data set, by the name it is listed under."""
    data_dir: Path | None = None
    """Put it into DATA_DIR/NAME (default: the user's cache); set RNNJAX_DATA_DIR to
    DATA_DIR so that experiments find it."""


Command = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Fetch, tyro.conf.subcommand("fetch")]
)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    command = tyro.cli(
        Command,  # type: ignore[arg-type]
        prog="python -m experiments.data",
        description="List the data sets, or fetch one.",
        args=arguments,
        default=List(),
    )
    if isinstance(command, Fetch):
        return _fetch(command.name, command.data_dir)
    _list()
    return 0


def _list() -> None:
    for entry in DATASETS.values():
        print(f"{entry.name}: {entry.title}")
        print(f"  {entry.num_bytes / 1e6:.1f} MB; {entry.licence}")
        for file in entry.files:
            print(f"  {file.name}, SHA-256 {file.sha256}")
            print(f"    {file.url}")


def _fetch(name: str, data_dir: Path | None) -> int:
    try:
        entry = dataset(name)
        print(f"{entry.name}: {entry.num_bytes / 1e6:.1f} MB; {entry.licence}")
        paths = lookup.fetch(name, data_dir)
    except (OSError, ValueError) as error:
        print(f"{name} could not be fetched: {error}", file=sys.stderr)
        return 1
    for path in paths.values():
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
