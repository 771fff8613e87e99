"""Every block of code in the README and the documents runs; links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

of_every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def blocks(page, language):
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "python")], ids=lambda p: p.name
)
def test_blocks_run_in_order(page):
    namespace: dict = {}
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), namespace)


def test_pages_with_code_are_found():
    with_code = {page.name for page in PAGES if blocks(page, "python")}
    assert {"README.md", "tour.md", "writing_a_cell.md"} <= with_code


@of_every_page
def test_links_lead_to_files_and_named_files_exist(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if not re.match(r"https?://", target):
            assert (page.parent / target).exists(), target
    for name in re.findall(r"`((?:tests|experiments|rnnjax|docs)/[\w/.]*)`", text):
        assert (ROOT / name).exists(), name


def test_the_readme_is_short_and_begins_with_exactly_two_commands():
    readme = PAGES[0]
    assert len(readme.read_text(encoding="utf-8").splitlines()) <= 150
    assert blocks(readme, "sh")[0].splitlines() == [
        'python -m pip install ".[experiments]" && python -m experiments.char_lm',
        'python -m pip install ".[test]" && python -m pytest',
    ]
