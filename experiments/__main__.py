"""Lists the experiments: `python -m experiments`."""

import ast
from pathlib import Path


def describe_experiments(directory: Path) -> list[tuple[str, str]]:
    """Finds the experiments without importing them, which would take seconds.

    Args:
      directory: the package's directory.

    Returns:
      The command and the first line of the docstring of every file.
    """
    experiments = []
    for path in sorted(directory.glob("[!_]*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        summary = (docstring or "").partition("\n")[0]
        experiments.append((f"python -m experiments.{path.stem}", summary))
    return experiments


if __name__ == "__main__":
    for command, summary in describe_experiments(Path(__file__).parent):
        print(f"{command}\n    {summary}")
    print("Every one explains its flags by --help.")
