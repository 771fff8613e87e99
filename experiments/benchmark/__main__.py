"""The speed of recurrent networks: the engines of rnnjax and other libraries.

All contenders get the same weights and the same inputs, and must compute the same
outputs and gradients before anything is timed. Each runs in a warm process of its own
and they take turns, a few milliseconds apart, so that a disturbance of the machine
affects all of them. Medians of the turns are compared; `results.json` has every turn.

  python -m experiments.benchmark
  python -m experiments.benchmark --preset full
  python -m experiments.benchmark --works gradient --cells lstm --shapes 32,128,256
  python -m experiments.benchmark --contenders hoisted torch --num-cores 1 2

Works: `forward`; `gradient`, forward and backward with gradients of the inputs, of a
weighted sum of all outputs; `train`, a step of stochastic gradient descent with
momentum; all three for every cell and shape. Further, `lengths`: `gradient` of an LSTM
by number of steps; `share`: how close an LSTM of 650 comes to the rate of a large
matrix product; `long`: the engines over 16,384 steps; `vmap`: mapped against batched.

Times are multiples of the reference's: above 1 the reference is faster. Every case is
measured twice: with the default allocator, as users get it who do nothing about it, and
with freed memory kept (`rnnjax.memory.keep_freed_memory`) in the processes of all
contenders alike. Every table says which.

Libraries that are missing, or compute something different, are skipped: Haiku's GRU
(resets before the product) and its Elman network (ReLU); Equinox has no Elman network.
`_sharded` distributes the batch over one device per core, where it divides; `best
placement` is the faster of the reference with and without.

Leave the machine alone meanwhile. Everything is computed on the CPU. The default takes
four minutes on two cores, the preset full more than two hours; an interrupted run is
resumed at the case where it was. Measured results are in docs/engines.md.
"""

import dataclasses
from typing import Any, Literal

from experiments.benchmark import plots, tables
from experiments.benchmark.contenders import CELLS, CONTENDERS, choose
from experiments.benchmark.plan import make_plan
from experiments.benchmark.turns import measure, workers
from experiments.benchmark.work import ALLOCATORS, Case, read_shape, usable_allocators
from experiments.harness import Run, RunConfig, flag, main


@dataclasses.dataclass(frozen=True)
class Config(RunConfig):
    """Flags of the benchmark.

    Raises:
      ValueError: if a shape, a contender or the reference is not what it must be.
    """

    works: tuple[
        Literal["forward", "gradient", "train", "lengths", "share", "long", "vmap"], ...
    ] = flag(("gradient", "lengths"), "what to measure")
    cells: tuple[Literal["lstm", "gru", "elman"], ...] = flag(CELLS, "cells")
    shapes: tuple[str, ...] = flag(
        ("20,35,200", "1,512,128", "128,100,100"),
        "batch size, steps and size of inputs and carry: B,T,D",
    )
    lengths: tuple[int, ...] = flag(
        (16, 128, 1024), "steps for lengths, at B = 16 and D = 128", minimum=1
    )
    contenders: tuple[str, ...] = flag(
        (), f"of {', '.join(CONTENDERS)}; by default all that are installed"
    )
    reference: str = flag("hoisted", "contender that the others are compared with")
    num_cores: tuple[int, ...] = flag(
        (0,),
        "cores that every process may use, one number after the other; 0: all",
        minimum=0,
    )
    allocators: tuple[Literal["default", "kept"], ...] = flag(
        tuple(ALLOCATORS), "default allocator; freed memory kept, with glibc only"
    )
    num_rounds: int = flag(7, "turns of each contender", minimum=1)
    turn_seconds: float = flag(0.02, "least seconds of a turn", minimum=0.0)
    pause_seconds: float = flag(0.005, "seconds before a turn", minimum=0.0)

    def __post_init__(self):
        super().__post_init__()
        for name in ("works", "cells", "shapes", "lengths", "num_cores", "allocators"):
            if not getattr(self, name):
                raise ValueError(f"{name} must not be empty.")
        for shape in self.shapes:
            read_shape(shape)
        for name in (*self.contenders, self.reference):
            if name not in CONTENDERS:
                known = ", ".join(CONTENDERS)
                raise ValueError(f"contenders must be among {known}, got {name}.")
        if self.contenders and self.reference not in self.contenders:
            raise ValueError(
                f"reference must be one of the contenders, got {self.reference}."
            )


FULL = Config(
    works=("forward", "gradient", "train", "lengths", "share", "long", "vmap"),
    shapes=(
        "20,35,200",
        "32,128,256",
        "16,1024,128",
        "1,512,128",
        "64,50,650",
        "128,100,100",
        "8,256,256",
        "32,64,512",
    ),
    lengths=(16, 32, 64, 128, 256, 512, 1024, 2048),
    num_cores=(0, 1),
    num_rounds=11,
)
PRESETS = {"quick": Config(), "full": FULL}


def benchmark(config: Config, run: Run) -> None:
    """Measures what `config` asks for, and prints and plots it."""
    cases = make_plan(
        config.works,
        config.cells,
        [read_shape(shape) for shape in config.shapes],
        config.lengths,
        config.num_cores,
        usable_allocators(config.allocators),
        choose(config.contenders),
        config.reference,
        config.seed,
    )
    lines = {name: line for line in run.metrics() for name in line}
    logged = [lines[case.name]["update"] for case in cases if case.name in lines]
    run.rewind(max(logged, default=0))
    with workers() as lend:
        for number, case in enumerate(cases, 1):
            if case.name in lines:
                continue
            found = measure(
                case,
                lend,
                num_rounds=config.num_rounds,
                turn_seconds=config.turn_seconds,
                pause_seconds=config.pause_seconds,
            )
            run.log(number, **{case.name: found})
            run.print(f"{number}/{len(cases)} {describe(case, found)}")
    results = {name: value for line in run.metrics() for name, value in line.items()}
    measured = {case: results[case.name] for case in cases}
    run.log(len(cases) + 1, means=tables.summarize(measured, config.reference))
    show(run, measured, config.reference)


def describe(case: Case, found: dict[str, dict[str, Any]]) -> str:
    """Describes the result of a case in a line."""
    times = (f"{name} {1e3 * f['median_seconds']:.3g}" for name, f in found.items())
    return f"{case.name}, ms: {', '.join(times)}"


def show(run: Run, measured: tables.Measured, reference: str) -> None:
    """Prints the tables and plots the figures."""
    whole = tables.with_best(measured, reference)
    for title, cases in tables.by_table(measured).items():
        text = tables.to_text(tables.ratio_table(cases, whole, reference))
        run.print(f"\n{title}: multiples of {reference}\n{text}")
    for line in tables.share_lines(measured) + tables.allocator_lines(measured):
        run.print(line)
    first = next(iter(measured)).num_cores
    for allocator in dict.fromkeys(case.allocator for case in measured):
        plotted = [
            c for c in measured if (c.num_cores, c.allocator) == (first, allocator)
        ]
        suffix = "" if allocator == "default" else f"_{allocator}"
        for group in ("gradient", "forward", "train"):
            if ours := [case for case in plotted if case.group == group]:
                figure = plots.ratio_by_shape(ours, measured, reference)
                run.write_plot(f"ratio_by_shape_{group}{suffix}", figure)
        if ours := [case for case in plotted if case.group == "lengths"]:
            figure = plots.time_by_length(ours, measured)
            run.write_plot(f"time_by_length{suffix}", figure)


if __name__ == "__main__":
    main(benchmark, Config, presets=PRESETS)
