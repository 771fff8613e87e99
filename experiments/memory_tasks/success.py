"""How many members solved the task, with a confidence interval."""

import math
import statistics
from collections.abc import Mapping, Sequence

import numpy as np

from experiments.memory_tasks.grid import Hyperparameters
from experiments.shared.members import DIVERGED, SOLVED, Members


def wilson_interval(
    num_successes: int, num_trials: int, z: float = 1.96
) -> tuple[float, float]:
    """Computes the confidence interval of a success rate.

        (p + z²/2n ± z √(p (1 - p) / n + z²/4n²)) / (1 + z²/n)

    It holds for few trials too, and where none or all of them succeed.

    Args:
      num_successes: from 0 to `num_trials`.
      num_trials: n, at least 1.
      z: quantile of the normal distribution, 1.96 for 95 %.

    Returns:
      The lower and the upper end.

    Raises:
      ValueError: if there is no trial, or there are more successes than trials.

    References:
      Wilson, "Probable Inference, the Law of Succession, and Statistical Inference",
      Journal of the American Statistical Association 1927.
    """
    if not 0 <= num_successes <= num_trials or num_trials < 1:
        raise ValueError(
            "num_successes must be from 0 to num_trials, which must be at least 1, "
            f"got {num_successes} of {num_trials}."
        )
    p, share = num_successes / num_trials, z**2 / num_trials
    spread = z * math.sqrt(p * (1 - p) / num_trials + share / (4 * num_trials))
    low, high = ((p + share / 2 + sign * spread) / (1 + share) for sign in (-1, 1))
    return max(low, 0.0), min(high, 1.0)  # rounding may leave [0, 1]


def describe_scores(members: Members) -> dict[str, list]:
    """Returns what is logged per member: its score, status and number of updates.

    The score is None where a member diverged before its first evaluation.
    """
    scores = np.asarray(members.score).tolist()
    return {
        "score": [score if math.isfinite(score) else None for score in scores],
        "status": np.asarray(members.status).tolist(),
        "num_updates": np.asarray(members.num_updates).tolist(),
    }


def median_score(members: Members) -> float:
    """Returns the median over the members that have a score, NaN if none has."""
    scores = np.asarray(members.score)
    scores = scores[np.isfinite(scores)]
    return float(np.median(scores)) if len(scores) else math.nan


def success_table(
    described: Mapping[str, Mapping[str, list]],
    points: Sequence[Hyperparameters],
    varied: Sequence[str],
    score_name: str,
) -> str:
    """Formats a table with a line for each variant at each point of the grid.

    Args:
      described: the result of `describe_scores` for each variant, by name; seeds vary
        fastest.
      points: of the grid.
      varied: the hyperparameters in which the points differ.
      score_name: name of the score.
    """
    lines = [["variant", "solved", "95 % interval", "after", score_name, "diverged"]]
    for name, lists in described.items():
        num_seeds = len(lists["status"]) // len(points)
        for i, point in enumerate(points):
            values = [f"{field}={getattr(point, field):g}" for field in varied]
            seeds = slice(i * num_seeds, (i + 1) * num_seeds)
            of_point = {key: values[seeds] for key, values in lists.items()}
            lines.append([" ".join([name, *values]), *_row(**of_point)])
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip()
        for line in lines
    )


def _row(score: list, status: list, num_updates: list) -> list[str]:
    num_solved = status.count(SOLVED)
    low, high = wilson_interval(num_solved, len(status))
    until = [n for n, what in zip(num_updates, status) if what == SOLVED]
    scores = sorted(x for x in score if x is not None)
    return [
        f"{num_solved} of {len(status)}",
        f"{low:.2f} to {high:.2f}",
        f"{statistics.median(until):,.0f}" if until else "-",
        f"{scores[0]:.2g} to {scores[-1]:.2g}" if scores else "-",
        str(status.count(DIVERGED)),
    ]
