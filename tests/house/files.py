"""The files that the tests of the house read."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FILES = sorted(
    path for name in ("rnnjax", "experiments") for path in ROOT.glob(f"{name}/**/*.py")
)

of_every_file = pytest.mark.parametrize(
    "path", FILES, ids=lambda path: str(path.relative_to(ROOT))
)
