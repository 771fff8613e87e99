"""What a check finds, and how it is printed."""

import dataclasses
import textwrap
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

WIDTH = 79
Level = Literal["serious", "warning"]


class Finding(NamedTuple):
    """A trouble.

    Attributes:
      name: what it is called, such as "learning rate too high".
      level: serious if the training will fail or its result will be wrong; a warning
        if it will probably be worse than it could be.
      text: what was measured, in sentences.
      flags: what to change: a number, or words, by the name of the flag's field; those
        that the experiment does not have are left out.
      remedy: what to do if the experiment has none of these flags.
    """

    name: str
    level: Level
    text: str
    flags: Mapping[str, Any]
    remedy: str


def describe(finding: Finding, config: Any) -> str:
    """Writes a finding for the console.

    Args:
      finding: the finding.
      config: the configuration of the experiment, a dataclass.

    Example:
      >>> from experiments.shared.optimizers import OptimizerFlags
      >>> found = Finding("rate too high", "serious", "It is.", {
      ...     "learning_rate": 0.1, "momentum": 0
      ... }, "Try less.")
      >>> print(describe(found, OptimizerFlags()))
      SERIOUS  rate too high
        It is.
        Change: --learning-rate 0.1
    """
    known = {field.name for field in dataclasses.fields(config)}
    flags = [
        f"--{name.replace('_', '-')} {_shown(value)}"
        for name, value in finding.flags.items()
        if name in known
    ]
    change = f"Change: {', or '.join(flags)}" if flags else finding.remedy
    lines = [f"{finding.level.upper():8} {finding.name}"]
    for text in (finding.text, change):
        lines.append(
            textwrap.fill(
                text,
                WIDTH,
                initial_indent="  ",
                subsequent_indent="  ",
                break_on_hyphens=False,
            )
        )
    return "\n".join(lines)


def _shown(value: Any) -> str:
    return f"({value})" if " " in str(value) else str(value)


def number(value: float) -> str:
    """Writes a number with three digits, without a needless exponent."""
    return f"{value:.3g}" if 1e-4 <= abs(value) < 1e4 or not value else f"{value:.1e}"


def percent(share: float) -> str:
    """Writes a share as a percentage.

    Example:
      >>> percent(0.125), percent(0.0042)
      ('12 %', '0.42 %')
    """
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"
