"""Small panels for the tests of forecasting."""

import numpy as np

from experiments.forecasting.panel import Columns, Panel, Series, pack

LENGTHS = (43, 37)
TARGETS, INPUTS, KNOWN = ("a", "b"), ("c",), ("d", "e")


def make_series(rng, name, length, has_inputs=True, scale=1.0):
    shape = {"values": len(TARGETS), "inputs": has_inputs * len(INPUTS), "known": 2}
    columns = {n: scale * rng.normal(size=(length, k)) for n, k in shape.items()}
    columns["values"] += 5
    return Series(name, times=None, ends=(length // 2, length * 3 // 4), **columns)


def make_panel(seed=0, period=5, has_inputs=True):
    rng = np.random.default_rng(seed)
    series = [make_series(rng, f"s{n}", n, has_inputs) for n in LENGTHS]
    columns = Columns(TARGETS, INPUTS if has_inputs else (), KNOWN)
    return Panel(series, pack(series), columns, period, {})


def change_after(panel, ends, value):
    """Replaces all that comes after the ends of each series."""
    series = []
    for one, end in zip(panel.series, ends):
        columns = {}
        for name in ("values", "inputs", "known"):
            columns[name] = getattr(one, name).copy()
            columns[name][end:] = value
        series.append(one._replace(**columns))
    return panel._replace(series=series, arrays=pack(series))
