"""The citation, and the names at the root."""

import re
import tomllib

import yaml

import rnnjax
from tests.house.files import ROOT

# By version 1.2.0 of the format.
NEEDED_KEYS = {"cff-version", "message", "title", "authors"}
KNOWN_KEYS = NEEDED_KEYS | set(
    "abstract commit contact date-released doi identifiers keywords license "
    "license-url preferred-citation references repository repository-artifact "
    "repository-code type url version".split()
)


def test_citation_is_valid():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert NEEDED_KEYS <= citation.keys() <= KNOWN_KEYS
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
