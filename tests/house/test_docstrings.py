"""Files are short, and docstrings say what is raised."""

import ast
import re

import pytest

from tests.house.files import of_every_file

MOST_LINES = 400


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
