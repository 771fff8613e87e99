"""What `experiments.doctor` needs to know of the series classifiers."""

from experiments.series_classification.__main__ import Config, prepare
from experiments.series_classification.batches import encode
from experiments.shared.inspection import Examples, Inspection, inspection_of


def inspect(config: Config) -> Inspection:
    """Prepares a training to be examined."""
    prepared = prepare(config)
    data = prepared.data
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    examples = {
        name: Examples(
            encode(part, prepared.symbols).values, [one.labels for one in part]
        )
        for name, part in parts.items()
    }
    return inspection_of(prepared, examples, num_rows=len(data.train))
