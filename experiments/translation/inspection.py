"""What `experiments.doctor` needs to know of the translators."""

import numpy as np

from experiments.shared.inspection import Examples, Inspection, inspection_of
from experiments.translation.__main__ import Config, prepare


def inspect(config: Config) -> Inspection:
    """Prepares a training to be examined, with true inputs at all steps.

    The targets are left out of the examples: their symbols are no classes that could
    be balanced.
    """
    prepared = prepare(config)
    data = prepared.data
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    examples = {
        name: Examples([tuple(pair.source.split()) for pair in part])
        for name, part in parts.items()
    }

    def loss(params, batch, key):
        return prepared.loss(params, batch._replace(rate=np.float32(0)), key)

    return inspection_of(prepared, examples, num_rows=len(data.train))._replace(
        loss=loss,
        batch=lambda i: prepared.batch(i)._replace(rate=None),
    )
