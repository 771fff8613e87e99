"""What `experiments.doctor` needs to know of the classifiers."""

from experiments.classification.__main__ import Config, prepare
from experiments.shared.inspection import Examples, Inspection, inspection_of


def inspect(config: Config) -> Inspection:
    """Prepares a training to be examined."""
    prepared = prepare(config)
    examples = {
        name: Examples(
            [text.words for text in getattr(prepared.data, name)],
            getattr(prepared, name).targets,
        )
        for name in ("train", "validation", "test")
        if getattr(prepared, name) is not None
    }
    # The rows of a batch of trees are nodes.
    num_rows = None if config.model == "tree" else len(prepared.data.train)
    return inspection_of(prepared, examples, num_rows)
