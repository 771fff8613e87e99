"""Attention, decoding, densities and alignment against other ways to compute them.

Every module of this folder that is named by `--work` lists cases: one computation by
the library and by others, such as a loop in Python, NumPy or PyTorch. All contenders
return the same numbers, then take turns. A ratio is the time of another contender
divided by the library's in the same turn; the median over all turns is compared with
the goal. PyTorch takes part if it is installed.

  python -m experiments.kit_speed
  python -m experiments.kit_speed --work beams --num-turns 5

The goals are for two free cores. Where other programs run, ratios move, most of all
those of contenders that spend their time in Python and not in products.
"""

import dataclasses
import importlib
from collections.abc import Mapping

from experiments.harness import Run, RunConfig, flag, main
from experiments.harness.names import check_known
from experiments.kit_speed.case import Case, Ratio, measure

WORKS = ("attention", "beams", "crf", "ctc", "samples", "translation")


@dataclasses.dataclass(frozen=True)
class Config(RunConfig):
    """Flags of the comparison."""

    work: tuple[str, ...] = flag(WORKS, "modules of experiments/kit_speed to time")
    num_turns: int = flag(11, "turns of all contenders of a case", minimum=1)


def load_cases(work: str) -> tuple[Case, ...]:
    """Imports the cases of a module of this folder, by its name.

    Raises:
      ValueError: if there is no such work.
    """
    check_known("work", work, WORKS)
    return importlib.import_module(f"experiments.kit_speed.{work}").CASES


def show(config: Config, run: Run) -> None:
    """Measures all cases; prints and logs the ratios."""
    cases = [case for work in config.work for case in load_cases(work)]
    run.rewind(0)
    for index, case in enumerate(cases):
        found = measure(case, config.num_turns)
        run.log(index, **{case.name: to_json(found, case.goal)})
        run.print(describe(case, found))


def to_json(found: Mapping[str, Ratio], goal: Mapping[str, float]) -> dict[str, dict]:
    """Returns what is saved of a case: the ratios and their goals, by contender."""
    return {
        name: ratio._asdict() | ({"goal": goal[name]} if name in goal else {})
        for name, ratio in found.items()
    }


def describe(case: Case, found: Mapping[str, Ratio]) -> str:
    """Returns a line for the library and one for every other contender.

    Example:
      >>> ours, other = Ratio(1, (1, 1), 0.002), Ratio(2.5, (2.4, 2.7), 0.005)
      >>> case = Case("sum", dict, {"NumPy": 2.0})
      >>> print(describe(case, {"rnnjax": ours, "NumPy": other}))
      sum: rnnjax takes 2.0 ms
        NumPy: 2.50 times as long (2.40 to 2.70), goal 2.00
    """
    (ours, first), *others = found.items()
    lines = [f"{case.name}: {ours} takes {1e3 * first.seconds:.1f} ms"]
    for name, (median, (low, high), _) in others:
        line = f"  {name}: {median:.2f} times as long ({low:.2f} to {high:.2f})"
        if name in case.goal:
            missed = ", missed" if median < case.goal[name] else ""
            line += f", goal {case.goal[name]:.2f}{missed}"
        lines.append(line)
    return "\n".join(lines)


if __name__ == "__main__":
    main(show, Config)
