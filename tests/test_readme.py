"""The README's first page is run as it stands, and its commands are there."""

import re
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_every_block_of_the_readme_runs_in_order():
    namespace: dict = {}
    assert len(BLOCKS) >= 6
    for block in BLOCKS:
        exec(compile(block, "README.md", "exec"), namespace)


def test_the_readme_begins_with_exactly_two_commands():
    first_shell_block = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)[0]
    assert first_shell_block.splitlines() == [
        'python -m pip install ".[experiments]" && python -m experiments.char_lm',
        'python -m pip install ".[test]" && python -m pytest',
    ]
