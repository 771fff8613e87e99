"""Lists the data sets, and fetches one.

python -m experiments.data
python -m experiments.data fetch tinyshakespeare --data-dir ~/data
"""

import argparse
import sys
from pathlib import Path

from experiments.data import lookup
from experiments.data.registry import DATASETS, dataset


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    if options.command == "fetch":
        return _fetch(options.name, options.data_dir)
    _list()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.data",
        description="Lists the data sets, and fetches one.",
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("list", help="list the data sets (what no command does too)")
    fetch = commands.add_parser("fetch", help="download a data set, checking its hash")
    fetch.add_argument("name", choices=sorted(DATASETS), help="which one")
    fetch.add_argument(
        "--data-dir",
        type=Path,
        help="put it into DATA_DIR/NAME (default: the user's cache); "
        f"{lookup.DATA_DIR_VARIABLE} set to it makes experiments find it there",
    )
    return parser


def _list() -> None:
    for entry in DATASETS.values():
        print(f"{entry.name}: {entry.title}")
        print(f"  {entry.num_bytes / 1e6:.1f} MB; {entry.licence}")
        for file in entry.files:
            print(f"  {file.name}, SHA-256 {file.sha256}")
            print(f"    {file.url}")


def _fetch(name: str, data_dir: Path | None) -> int:
    entry = dataset(name)
    print(f"{entry.name}: {entry.num_bytes / 1e6:.1f} MB; {entry.licence}")
    try:
        paths = lookup.fetch(name, data_dir)
    except (OSError, ValueError) as error:
        print(f"{name} could not be fetched: {error}", file=sys.stderr)
        return 1
    for path in paths.values():
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
