"""Decorators that run a test over all registered cells or layers.

What takes long waits for the slow run: in the ordinary run the cases marked
`every_engine` meet every engine, forwards and in reverse; others meet the default
engine, forwards.
"""

import pytest

from rnnjax import hoisted, scan
from tests.cases import CellCase, LayerCase, draw_tree, draw_vectors
from tests.registry import CELLS, ENGINES, LAYERS

DEFAULT_ENGINE = hoisted
SLOW = pytest.mark.slow


def every(cases, *, directions=False, few=False, one_engine=False):
    """Parametrizes a test by `case`, `engine_case` and, for both directions, `reverse`.

    Args:
      cases: of cells or of layers.
      directions: whether the test takes `reverse`.
      few: whether the ordinary run takes the cases marked `every_engine` alone.
      one_engine: whether the ordinary run takes the default engine alone.
    """
    names = ["case", "engine_case", *(["reverse"] if directions else [])]
    sets = [
        pytest.param(
            *(case, engine_case, *reverse),
            marks=[]
            if in_ordinary_run(case, engine_case, few, one_engine, *reverse)
            else SLOW,
            id="-".join(
                [case.name, engine_case.name, *("reverse" for r in reverse if r)]
            ),
        )
        for case in cases
        for engine_case in engines_of(case)
        for reverse in ([(False,), (True,)] if directions else [()])
    ]
    return pytest.mark.parametrize(names, sets)


def engines_of(case):
    """Returns the engines that make a difference: none but one to a dense layer."""
    of_layer = isinstance(case, LayerCase)
    if of_layer and case.layer(scan) is case.layer(DEFAULT_ENGINE):
        return [x for x in ENGINES if x.engine is DEFAULT_ENGINE]
    return ENGINES


def in_ordinary_run(case, engine_case, few, one_engine, reverse=False):
    default = engine_case.engine is DEFAULT_ENGINE
    if case.every_engine:
        return default or not one_engine
    if few or reverse or getattr(case, "slow", False):
        return False
    values = getattr(case, "values_on_every_engine", False)
    return default or (values and not one_engine)


def every_alone(cases, *, few=False):
    """Parametrizes a test by `case`, without an engine.

    Args:
      cases: of cells or of layers.
      few: whether the ordinary run leaves out the cells of the library, but for those
        marked `every_engine`; those of users strain one thing each.
    """

    def is_slow(case):
        left_out = few and not case.every_engine and not of_user(case)
        return left_out or getattr(case, "slow", False)

    sets = [
        pytest.param(
            case,
            marks=SLOW if is_slow(case) else [],
            id=case.name,
        )
        for case in cases
    ]
    return pytest.mark.parametrize("case", sets)


def of_user(case):
    return isinstance(case, CellCase) and case.cell.init.__module__.startswith("tests.")


LIBRARY_CELLS = [x for x in CELLS if not of_user(x) and x.draw is draw_vectors]
SMOOTH_CELLS = [case for case in CELLS if not case.rounded]
REVERSE_ONLY_CELLS = [case for case in CELLS if not case.forward_mode]
CELLS_OF_TREES = [case for case in CELLS if case.draw is draw_tree]
CAUSAL_LAYERS = [case for case in LAYERS if case.layer(scan).step is not None]
