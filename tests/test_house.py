"""The house: floors, imports, sizes of files, docstrings, the citation."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import rnnjax

ROOT = Path(__file__).parent.parent
FILES = sorted(
    path for name in ("rnnjax", "experiments") for path in ROOT.glob(f"{name}/**/*.py")
)
FLOORS = {
    "rnnjax.base": 0,
    "rnnjax.activations": 0,
    "rnnjax.masking": 0,
    "rnnjax.memory": 0,
    "rnnjax.products": 0,
    "rnnjax.initializers": 0,
    "rnnjax.placement": 0,
    "rnnjax.parameters": 0,
    "rnnjax.tangents": 0,
    "rnnjax.cells": 1,
    "rnnjax.engines": 1,
    "rnnjax.unroll": 2,
    "rnnjax.checks": 2,
    "rnnjax.catalogue": 2,
    "rnnjax.trees": 2,
    "rnnjax.layers": 3,
    "rnnjax.attention": 3,
    "rnnjax.losses": 3,
    "rnnjax.mixtures": 3,
    "rnnjax.decoding": 3,
    "rnnjax.regularizers": 3,
    "rnnjax.optimizers": 3,
    "rnnjax.diagnostics": 3,
    "rnnjax.convert": 3,
    "rnnjax": 3,  # the public names of the floors below
    "rnnjax.models": 4,
    "experiments.harness": 5,
    "experiments.data": 6,
    "experiments.shared": 7,
    "experiments": 8,
}
MOST_LINES = 400

of_every_file = pytest.mark.parametrize(
    "path", FILES, ids=lambda path: str(path.relative_to(ROOT))
)


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor_of(module):
    """Returns the floor of a module, that of the nearest package in the list."""
    package, _, rest = module.partition(".")
    nearest = ".".join(module.split(".")[:2])
    if package == "rnnjax" and rest:
        return FLOORS[nearest]
    return FLOORS.get(nearest, FLOORS[package])


def imports_of(source):
    """Yields the modules of this project that a source imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, "an import must name its module in full"
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in HOUSE)


HOUSE = {"rnnjax", "experiments", "tests"}


def upward_imports(module, source):
    """Returns what a module imports from a floor above its own."""
    own = floor_of(module)
    return [
        name
        for name in imports_of(source)
        if name.startswith("tests") or floor_of(name) > own
    ]


@of_every_file
def test_imports_go_down(path):
    assert upward_imports(module_of(path), path.read_text()) == []


@pytest.mark.parametrize(
    ("module", "source", "upward"),
    [
        ("rnnjax.base", "from rnnjax.unroll import unroll", True),
        ("rnnjax.cells.lstm", "from rnnjax.layers.dense import dense", True),
        ("rnnjax.cells.lstm", "import rnnjax", True),
        ("rnnjax.unroll", "def f():\n    import rnnjax.losses", True),
        ("rnnjax.layers.stack", "from rnnjax.models import recurrent", True),
        ("rnnjax.models.linen", "from experiments.harness import run", True),
        ("experiments.char_lm", "from tests.registry import CELLS", True),
        ("experiments.harness.run", "from experiments.data import text", True),
        ("experiments.data.text", "from experiments.shared import devices", True),
        ("experiments.shared.devices", "from experiments.char_lm import train", True),
        ("experiments.shared.devices", "from experiments.harness import Run", False),
        ("experiments.data.text", "from experiments.harness import BadInput", False),
        ("rnnjax.cells.lstm", "from rnnjax.engines.scan import scan", False),
        ("rnnjax.unroll", "import jax\nfrom rnnjax.engines.scan import scan", False),
        ("experiments.char_lm", "import rnnjax\nimport experiments.data", False),
    ],
)
def test_upward_imports_are_seen(module, source, upward):
    assert bool(upward_imports(module, source)) == upward


def test_a_file_without_a_floor_is_seen():
    with pytest.raises(KeyError):
        floor_of("rnnjax.utils")


def test_relative_imports_are_seen():
    with pytest.raises(AssertionError):
        upward_imports("rnnjax.base", "from . import layers")


def test_importing_imports_no_flax_and_computes_nothing():
    """Devices can still be configured after it, so no array was made."""
    program = """
import sys
import rnnjax, jax
heavy = {"flax", "optax", "orbax", "matplotlib", "experiments"} & set(sys.modules)
assert not heavy, heavy
jax.config.update("jax_num_cpu_devices", 3)
assert len(jax.devices("cpu")) == 3
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


@of_every_file
def test_files_are_short(path):
    assert len(path.read_text().splitlines()) <= MOST_LINES


def definitions(body, prefix=""):
    """Yields (name, node) of functions and classes, methods included."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from definitions(node.body, f"{prefix}{node.name}.")


def is_public(name):
    return not any(part.startswith("_") for part in name.split("."))


def raised_in(node):
    """Returns the exceptions that a node raises by name, inner functions included."""
    names = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Raise) and isinstance(inner.exc, ast.Call):
            names.add(ast.unparse(inner.exc.func).split(".")[-1])
    return names


def raised_by(node, private):
    """Returns what a definition raises, itself or by private functions it names."""
    seen, todo, names = set(), [node], set()
    while todo:
        node = todo.pop()
        names |= raised_in(node)
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and inner.id in private.keys() - seen:
                seen.add(inner.id)
                todo.append(private[inner.id])
    return names


def missing_docs(source):
    """Returns what public definitions fail to say, a line each."""
    tree = ast.parse(source)
    found = list(definitions(tree.body))
    private = {
        name: node
        for name, node in found
        if name.startswith("_") and isinstance(node, ast.FunctionDef)
    }
    missing = [] if ast.get_docstring(tree) else ["the module has no docstring"]
    for name, node in found:
        if not is_public(name):
            continue
        docstring = ast.get_docstring(node) or ""
        if not docstring:
            missing.append(f"{name} has no docstring")
        if isinstance(node, ast.ClassDef):
            init = [n for n in node.body if getattr(n, "name", "") == "__init__"]
            node = ast.Module(init, [])
        _, _, listed = docstring.partition("Raises:\n")
        for error in sorted(raised_by(node, private)):
            if not re.search(rf"^\s+{error}: ", listed, re.MULTILINE):
                missing.append(f"{name} raises {error} and does not say so")
    return missing


@of_every_file
def test_docstrings_say_what_is_raised(path):
    assert missing_docs(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("def f(): pass", ["the module has no docstring", "f has no docstring"]),
        ('"""M."""\ndef _f(): raise ValueError("a")', []),
        (
            '"""M."""\ndef f():\n  """F."""\n  raise ValueError("a")',
            ["f raises ValueError and does not say so"],
        ),
        (
            '"""M."""\ndef _g(): raise OSError("a")\ndef f():\n  """F."""\n  _g()',
            ["f raises OSError and does not say so"],
        ),
        (
            '"""M."""\nclass A:\n  """A."""\n  def b(self):\n    raise OSError("a")',
            ["A.b has no docstring", "A.b raises OSError and does not say so"],
        ),
        (
            '"""M."""\ndef f():\n  """F.\n\n  Raises:\n    OSError: if.\n  """\n'
            '  def g(): raise OSError("a")\n  return g',
            [],
        ),
    ],
)
def test_missing_docs_are_seen(source, missing):
    assert missing_docs(source) == missing


def test_citation_is_valid():
    """By the keys that version 1.2.0 of the format asks for and knows."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation.keys() <= {
        "abstract",
        "authors",
        "cff-version",
        "commit",
        "contact",
        "date-released",
        "doi",
        "identifiers",
        "keywords",
        "license",
        "license-url",
        "message",
        "preferred-citation",
        "references",
        "repository",
        "repository-artifact",
        "repository-code",
        "title",
        "type",
        "url",
        "version",
    }
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] in ("software", "dataset")
    assert all(
        {"name", "family-names"} & author.keys() for author in citation["authors"]
    )
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(citation["date-released"]))
    assert citation["version"] == rnnjax.__version__ == project["version"]
    assert citation["license"] == project["license"]


def test_public_names_are_sorted_and_there():
    assert rnnjax.__all__ == sorted(set(rnnjax.__all__))
    for name in rnnjax.__all__:
        assert hasattr(rnnjax, name)
