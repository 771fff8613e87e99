"""All tasks by name."""

from collections.abc import Callable
from pathlib import Path

from experiments.data.lookup import find
from experiments.data.registry import dataset
from experiments.memory import arithmetic, digits, symbols
from experiments.memory.networks import check_known
from experiments.memory.task import Task

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
    name: str,
    num_steps: int | None,
    images: str,
    data_dir: Path | None,
    record: Callable[[str, str], None],
) -> Task:
    """Makes a task, with the images it needs.

    Args:
      name: one of `SEQUENCES` or `IMAGES`.
      num_steps: T of a task of sequences; None: 100. Images decide on it themselves.
      images: "dot_matrix", or a data set of images.
      data_dir: where to look first for the data set.
      record: what is told each file's name and digest.

    Raises:
      ValueError: if there is no task of that name (it tells the nearest), `num_steps`
        is too few for it, or is given where the images decide.
      MissingData: if the data set is not on this machine.
    """
    if name in SEQUENCES:
        return SEQUENCES[name](DEFAULT_STEPS if num_steps is None else num_steps)
    check_known("task", name, [*SEQUENCES, *IMAGES])
    if num_steps is not None:
        raise ValueError(
            f"num_steps must be left out for {name}, which is as long as its images, "
            f"got {num_steps}."
        )
    if images == "dot_matrix":
        return IMAGES[name](digits.dot_matrix())
    paths = find(images, data_dir)
    for file, digest in dataset(images).digests.items():
        record(file, digest)
    return IMAGES[name](digits.mnist(paths))
