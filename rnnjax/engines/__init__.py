"""Ways to run a cell over time, one file per engine."""

from rnnjax.engines.hoisted import hoisted
from rnnjax.engines.remat import remat
from rnnjax.engines.scan import scan

ENGINES = (scan, hoisted, remat)

__all__ = ["ENGINES", "hoisted", "remat", "scan"]
