"""All tasks by name."""

from collections.abc import Callable
from pathlib import Path

from experiments.data.lookup import find
from experiments.data.registry import dataset
from experiments.harness.names import check_known
from experiments.memory_tasks import arithmetic, digits, symbols
from experiments.memory_tasks.task import Task

DEFAULT_STEPS = 100

SEQUENCES: dict[str, Callable[[int], Task]] = {
    "adding_bai": arithmetic.adding_bai,
    "adding_le": arithmetic.adding_le,
    "adding_1997": arithmetic.adding_1997,
    "multiplication": arithmetic.multiplication,
    "temporal_order": symbols.temporal_order,
    "temporal_order_3": symbols.temporal_order_3,
    "copy": symbols.copy,
    "memorization": symbols.memorization,
    "permutation": symbols.permutation,
}
IMAGES: dict[str, Callable[[digits.Images], Task]] = {
    "digits_rows": digits.rows,
    "digits_pixels": digits.pixels,
    "digits_permuted": digits.permuted_pixels,
}


def load_task(
    name: str, num_steps: int | None, images: str, data_dir: Path | None
) -> tuple[Task, dict[str, str]]:
    """Makes a task, reading its images if it has any.

    Args:
      name: one of `SEQUENCES` or `IMAGES`.
      num_steps: T of a task of sequences; None: 100. It must be None for images, whose
        size decides.
      images: "dot_matrix", or a data set of images.
      data_dir: directory in which the data set is looked for first.

    Returns:
      The task, and the SHA-256 of each file that was read, by name.

    Raises:
      ValueError: if there is no task of that name, or `num_steps` is too small or not
        None for images.
      MissingData: if the data set is not on this machine.
      BadInput: if a file of it is damaged.
    """
    if name in SEQUENCES:
        return SEQUENCES[name](DEFAULT_STEPS if num_steps is None else num_steps), {}
    check_known("task", name, [*SEQUENCES, *IMAGES])
    if num_steps is not None:
        raise ValueError(
            f"num_steps must not be given for {name}, which is as long as its images, "
            f"got {num_steps}."
        )
    if images == "dot_matrix":
        return IMAGES[name](digits.dot_matrix()), {}
    paths = find(images, data_dir)
    return IMAGES[name](digits.mnist(paths)), dict(dataset(images).digests)
