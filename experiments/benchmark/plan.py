"""The cases of a benchmark."""

import itertools
from collections.abc import Sequence

from experiments.benchmark.contenders import CONTENDERS, ENGINES
from experiments.benchmark.work import Case, Shape, count_cores

LENGTHS_OF = Shape(16, 0, 128)
SHARE_OF = Shape(64, 50, 650)
LONG = Shape(8, 16384, 64)


def make_plan(
    groups: Sequence[str],
    cells: Sequence[str],
    shapes: Sequence[Shape],
    lengths: Sequence[int],
    cores: Sequence[int],
    allocators: Sequence[str],
    contenders: Sequence[str],
    reference: str,
    seed: int,
) -> list[Case]:
    """Lists the cases.

    Args:
      groups: `forward`, `gradient`, `train` (of all cells and shapes), `lengths`,
        `share`, `long`, `vmap`; see `experiments/benchmark/__main__.py`.
      cells: lstm, gru, elman.
      shapes: sizes for the groups of all shapes.
      lengths: numbers of steps for `lengths`.
      cores: numbers of cores; 0: all.
      allocators: names in `ALLOCATORS`.
      contenders: the contenders that take part.
      reference: the contender that the others are compared with; an engine for `long`
        and `vmap`, where only engines take part.
      seed: seed of the data.

    Returns:
      The cases, grouped by number of cores and allocator.

    Raises:
      ValueError: if there are fewer cores, or the reference would not take part.
    """
    available = count_cores()
    if max(cores) > available:
        raise ValueError(f"num_cores must be at most {available}, got {max(cores)}.")
    if reference not in ENGINES and {"long", "vmap"} & set(groups):
        raise ValueError(
            f"reference must be one of {', '.join(ENGINES)} for the works long and "
            f"vmap, got {reference}."
        )
    mapped = (reference, f"{reference}_vmap")
    cases = []
    numbers = dict.fromkeys(number or available for number in cores)
    for num_cores, allocator in itertools.product(numbers, allocators):

        def add(
            group,
            work,
            cell,
            shape,
            names=contenders,
            num_cores=num_cores,
            allocator=allocator,
        ):
            names = tuple(n for n in names if _fits(n, cell, shape, num_cores))
            cases.append(
                Case(group, work, cell, shape, num_cores, names, allocator, seed)
            )

        for group in groups:
            match group:
                case "lengths":
                    for length in lengths:
                        shape = LENGTHS_OF._replace(num_steps=length)
                        add(group, "gradient", "lstm", shape)
                case "share":
                    whole = [n for n in contenders if not CONTENDERS[n].is_sharded]
                    add(group, "product", "lstm", SHARE_OF, whole)
                    add(group, "gradient", "lstm", SHARE_OF)
                case "long":
                    add(group, "gradient", "lstm", LONG, ENGINES)
                case _:
                    names = mapped if group == "vmap" else contenders
                    work = "gradient" if group == "vmap" else group
                    for cell in cells:
                        for shape in shapes:
                            add(group, work, cell, shape, names)
    return [case for case in cases if case.contenders]


def _fits(name, cell, shape, num_cores):
    """Whether a contender can compute a case."""
    contender = CONTENDERS[name]
    divides = num_cores > 1 and shape.batch_size % num_cores == 0
    return cell in contender.cells and (divides or not contender.is_sharded)
