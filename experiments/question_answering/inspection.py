"""What `experiments.doctor` needs to know of question answering."""

from experiments.question_answering.__main__ import Config, prepare
from experiments.shared.inspection import Examples, Inspection, inspection_of


def inspect(config: Config) -> Inspection:
    """Prepares the training of the first task to be examined.

    An example is a story and then its question. Images are left out of it.
    """
    prepared = prepare(config)
    task = next(iter(prepared.tasks.values()))
    numbers = {answer: i for i, answer in enumerate(prepared.symbols.answers)}
    examples = {
        name: Examples(
            [(*example.story, *example.question) for example in part],
            [numbers.get(example.answer, -1) for example in part],
        )
        for name, part in zip(task.parts._fields, task.parts)
        if part
    }
    return inspection_of(prepared, examples, num_rows=len(task.parts.train))._replace(
        mask=lambda batch: batch.question_mask
    )
