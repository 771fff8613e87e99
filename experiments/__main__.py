"""Lists the experiments: `python -m experiments`."""

import ast
from pathlib import Path


def describe_experiments(directory: Path) -> list[tuple[str, str]]:
    """Finds the experiments without importing them, which would take seconds.

    An experiment is a file of the directory, or a folder with a `__main__.py` that
    calls `main`.

    Args:
      directory: the package's directory.

    Returns:
      The command and the first line of the docstring of each, in alphabetical order.
    """
    files = {path.stem: path for path in directory.glob("[!_]*.py")}
    folders = {path.parent.name: path for path in directory.glob("[!_]*/__main__.py")}
    experiments = []
    for name, path in sorted({**files, **folders}.items()):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if name in files or _is_experiment(tree):
            summary = (ast.get_docstring(tree) or "").partition("\n")[0]
            experiments.append((f"python -m experiments.{name}", summary))
    return experiments


def _is_experiment(tree: ast.Module) -> bool:
    """Tells an experiment from another command, such as that of the data sets."""
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "experiments.harness"
        and "main" in (alias.name for alias in node.names)
        for node in tree.body
    )


if __name__ == "__main__":
    for command, summary in describe_experiments(Path(__file__).parent):
        print(f"{command}\n    {summary}")
    print("Each explains its flags with --help.")
    print("python -m experiments.doctor EXPERIMENT looks for trouble beforehand.")
