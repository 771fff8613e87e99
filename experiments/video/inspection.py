"""What `experiments.doctor` needs to know of the models of clips."""

from experiments.shared.inspection import Examples, Inspection, inspection_of
from experiments.video.__main__ import Config, prepare


def inspect(config: Config) -> Inspection:
    """Prepares a training to be examined."""
    prepared = prepare(config)
    clips = prepared.data
    parts = {"train": clips.train, "validation": clips.validation, "test": clips.test}
    examples = {
        name: Examples(
            part.frames, list(part.labels) if config.task == "classify" else None
        )
        for name, part in parts.items()
    }
    num_rows = len(clips.train.frames) if clips.draw is None else None
    return inspection_of(prepared, examples, num_rows)
