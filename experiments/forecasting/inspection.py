"""What `experiments.doctor` needs to know of the forecasters."""

import numpy as np

from experiments.forecasting.__main__ import Config, prepare
from experiments.forecasting.panel import fit_scale, scaled
from experiments.shared.inspection import Examples, Inspection, inspection_of


def inspect(config: Config) -> Inspection:
    """Prepares a training to be examined."""
    prepared = prepare(config)
    panel = prepared.data
    scale = fit_scale(panel, scales_values=config.normalize == "train")
    columns = np.concatenate(scaled(panel, scale), axis=-1)
    parts = {}
    for number, part in enumerate(("train", "validation", "test")):
        pieces = []
        for row, series in enumerate(panel.series):
            bounds = (0, *series.ends, len(series.values))
            pieces.append(columns[row, bounds[number] : bounds[number + 1]])
        parts[part] = Examples(pieces)
    return inspection_of(prepared, parts)
