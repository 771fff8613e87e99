"""What `experiments.doctor` needs to know of the taggers."""

from experiments.shared.inspection import Examples, Inspection, inspection_of
from experiments.tagging.__main__ import Config, prepare


def inspect(config: Config) -> Inspection:
    """Prepares a training to be examined."""
    prepared = prepare(config)
    data = prepared.data
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    examples = {
        name: Examples([s.words for s in part], [s.tags for s in part])
        for name, part in parts.items()
    }
    return inspection_of(prepared, examples, num_rows=len(data.train))
