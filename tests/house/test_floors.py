"""Imports only go down, from floor to floor."""

import ast
import subprocess
import sys

import pytest

from tests.house.files import ROOT, of_every_file

LIBRARY = [
    "base activations initializers masking memory parameters placement products "
    "tangents kept_products",
    "cells engines",
    "unroll checks catalogue trees",
    "layers attention losses decoding regularizers optimizers diagnostics convert",
    "models",
]
FLOORS = {
    f"rnnjax.{name}": floor
    for floor, names in enumerate(LIBRARY)
    for name in names.split()
}
FLOORS |= {"rnnjax": 3}  # the public names of the floors below
FLOORS |= {"experiments.harness": 5, "experiments.data": 6, "experiments.shared": 7}
FLOORS |= {"experiments": 8}
HOUSE = {"rnnjax", "experiments", "tests"}


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


def test_a_file_without_a_floor_and_relative_imports_are_seen():
    with pytest.raises(KeyError):
        floor_of("rnnjax.utils")
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
