"""The extreme regimes of an LSTM: storing, erasing, reading, and a plain RNN.

The inputs fully open and close the gates of one unit. A pulse `capture` writes the
candidate g into an empty cell state, which then stays constant whatever the inputs;
`release` outputs it; `erase` closes the forget gate. With i and o open and f closed at
every step, the unit is a plain recurrent network with activation tanh(tanh x).

  python -m experiments.lstm_regimes

Plots both units and prints how far they are from these regimes: at most 1e-6, the
rounding of float32.

References:
  Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 1997, for the
  constant cell state; Gers, Schmidhuber and Cummins, "Learning to Forget", Neural
  Computation 2000, for erasing.
"""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from experiments.harness import Run, RunConfig, flag, main
from experiments.shared.figures import hide_frame, new_figure
from rnnjax import lstm, unroll

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PULSES = {"capture": 6, "release": 16, "erase": 28}
SATURATED = 100.0  # a pre-activation at which a gate is 0 or 1 in float32


@dataclasses.dataclass(frozen=True)
class Config(RunConfig):
    """Flags of the regimes."""

    num_steps: int = flag(40, "number of steps", minimum=max(PULSES.values()) + 4)


def show(config: Config, run: Run) -> None:
    """Runs both units, compares them with the regimes, and plots them."""
    x = np.random.default_rng(config.seed).normal(size=config.num_steps)
    c, h = run_pulsed(x)
    plain, pinned = run_plain(x), run_pinned(x)
    distances = distances_of_regimes(x, c, h) | {"plain": abs(pinned - plain).max()}
    run.rewind(0)
    run.log(1, **{name: float(distance) for name, distance in distances.items()})
    for name, distance in distances.items():
        run.print(f"{name}: {distance:.1e} from the regime")
    run.write_plot("lstm_regimes", plot_units(x, c, h, plain, pinned))


def run_pulsed(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Runs one unit whose gates follow the pulses; i and o are closed otherwise.

    Args:
      x: `[T]`, the inputs to capture from.

    Returns:
      The cell state c and the output h, `[T]` each.
    """
    pulses = np.zeros((len(x), len(PULSES)))
    for column, time in enumerate(PULSES.values()):
        pulses[time, column] = 1
    # columns i, f, g, o; rows x, capture, release, erase
    kernel = np.zeros((1 + len(PULSES), 4), np.float32)
    kernel[0, 2] = 1
    kernel[1, :2] = 2 * SATURATED, -2 * SATURATED
    kernel[2, 3] = 2 * SATURATED
    kernel[3, 1] = -2 * SATURATED
    bias = np.array([-SATURATED, SATURATED, 0, -SATURATED], np.float32)
    inputs = np.column_stack([x, pulses]).astype(np.float32)
    recurrent_kernel = np.zeros((1, 4), np.float32)
    params = {"kernel": kernel, "recurrent_kernel": recurrent_kernel, "bias": bias}
    cell = lstm(1)
    states = []
    carry = cell.initial_carry(params)
    for step_inputs in inputs:
        carry, _ = cell.step(params, carry, step_inputs)
        states.append((carry.c[0], carry.h[0]))
    c, h = np.asarray(states).T
    return c, h


def run_pinned(x: np.ndarray) -> np.ndarray:
    """Runs an LSTM with i and o open and f closed at every step; returns h `[T]`."""
    params = {
        "kernel": np.array([[0, 0, 1.5, 0]], np.float32),
        "recurrent_kernel": np.array([[0, 0, -1.2, 0]], np.float32),
        "bias": np.array([SATURATED, -SATURATED, 0, SATURATED], np.float32),
    }
    _, outputs = unroll(lstm(1), params, x[:, None].astype(np.float32))
    return np.asarray(outputs[:, 0])


def run_plain(x: np.ndarray) -> np.ndarray:
    """Computes hₜ = tanh(tanh(1.5 xₜ - 1.2 hₜ₋₁)) in NumPy; returns `[T]`."""
    h, outputs = 0.0, []
    for value in x:
        h = np.tanh(np.tanh(1.5 * value - 1.2 * h))
        outputs.append(h)
    return np.array(outputs)


def distances_of_regimes(
    x: np.ndarray, c: np.ndarray, h: np.ndarray
) -> dict[str, float]:
    """Compares a pulsed run with what each regime predicts.

    Args:
      x: `[T]`, the inputs.
      c: `[T]`, the cell state.
      h: `[T]`, the output.

    Returns:
      The largest distance by the name of the regime.
    """
    capture, release, erase = PULSES.values()
    captured = np.tanh(x[capture])
    closed = np.delete(np.arange(len(x)), release)
    return {
        "captures": abs(c[capture] - captured),
        "keeps": abs(c[capture:erase] - captured).max(),
        "releases": abs(h[release] - np.tanh(captured)),
        "is silent otherwise": abs(h[closed]).max(),
        "erases": abs(c[erase:]).max(),
    }


def plot_units(
    x: np.ndarray, c: np.ndarray, h: np.ndarray, plain: np.ndarray, pinned: np.ndarray
) -> "Figure":
    """Plots the pulsed unit above, the pinned one and the plain network below."""
    figure = new_figure(height=5.4)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    above.step(
        range(len(x)), np.tanh(x), color="0.75", where="mid", label="candidate g"
    )
    above.step(range(len(x)), c, color="tab:blue", where="mid", label="cell state c")
    above.step(range(len(x)), h, color="tab:orange", where="mid", label="output h")
    for name, time in PULSES.items():
        above.axvline(time, color="0.4", linewidth=0.8, linestyle=":")
        above.annotate(
            name, (time, 1.1), ha="center", annotation_clip=False, color="0.3"
        )
    above.set_title("gates opened and closed by pulses", pad=18, fontsize="medium")
    below.plot(plain, color="0.6", linewidth=4, label="plain network, tanh of tanh")
    below.plot(pinned, color="tab:orange", label="LSTM, i and o open, f closed")
    below.set_title("pinned gates: a plain recurrent network", fontsize="medium")
    below.set_xlabel("step")
    hide_frame(above, below)
    for axes in (above, below):
        axes.set_ylim(-1.05, 1.05)
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


if __name__ == "__main__":
    main(show, Config)
