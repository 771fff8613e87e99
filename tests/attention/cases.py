"""Cells that attend, each with the loop of its paper, and memories for them."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from rnnjax import Cell, gru, hoisted, lstm
from rnnjax.attention import (
    Memory,
    additive,
    attend_after,
    attend_before,
    bind_memory,
    coverage,
    dot,
    general,
    location_aware,
    multi_head,
    uniform,
    window,
)
from rnnjax.attention.cell_stack import cell_stack
from rnnjax.checks.runs import Arguments, run_with_gradients
from rnnjax.unroll import unroll
from tests.attention import papers
from tests.loop import in_numpy
from tests.pytrees import draw_like, part

T, B, D, H, S, M = 8, 3, 2, 5, 7, 4  # M: width of the memory's rows


@dataclasses.dataclass(frozen=True)
class Case:
    """A cell that attends and shows its weights.

    Attributes:
      name: shown by pytest.
      cell: the cell.
      step: of its paper.
      start: the carry of the paper before the first step.
      memory_size: width of the memory's rows.
    """

    name: str
    cell: Cell
    step: Callable[..., Any]
    start: Any
    memory_size: int = M


READINGS = {
    "additive": (additive(6), papers.softmax_reading(papers.bahdanau), None),
    "concat": (additive(6), papers.softmax_reading(papers.concat), None),
    "dot": (dot(), papers.softmax_reading(papers.dot), None),
    "uniform": (uniform(), papers.softmax_reading(papers.uniform), None),
    "general": (general(), papers.softmax_reading(papers.general), None),
    "multi_head": (multi_head(6, 2), papers.two_heads, None),
    "location_aware": (location_aware(6, 4, 2), papers.location_aware, np.zeros(S)),
    "coverage": (coverage(6), papers.coverage, np.zeros(S)),
    "window": (window(2), papers.graves_window, np.zeros(2)),
}
AFTER = {
    "feeding_glimpse": {},
    "feeding_h_tilde": {"output_size": 3},
    "not_feeding": {"output_size": 3, "feed": False},
}


def cases_of(name):
    """Yields the cases of one attention, before and after the step."""
    attention, read, state = READINGS[name]
    memory_size = H if name == "dot" else M
    h, glimpse = np.zeros(H), np.zeros(6 if name == "multi_head" else memory_size)
    yield Case(
        f"{name}-before",
        attend_before(
            gru(H, reset_after=False), attention, memory_size, show_weights=True
        ),
        papers.attending_before(papers.gru_step, read),
        (h, glimpse, state),
        memory_size,
    )
    for way, options in AFTER.items():
        attended = np.zeros(3) if "output_size" in options else glimpse
        yield Case(
            f"{name}-{way}",
            attend_after(lstm(H), attention, memory_size, show_weights=True, **options),
            papers.attending_after(papers.lstm_step, read, options.get("feed", True)),
            ((h, h), attended, state),
            memory_size,
        )


TWO_LAYERS = Case(
    "additive-two_layers",
    attend_after(
        cell_stack(lstm(H), gru(4, reset_after=False)),
        additive(6),
        M,
        output_size=3,
        show_weights=True,
    ),
    papers.attending_after(
        papers.of_layers(papers.lstm_step, papers.gru_step), READINGS["additive"][1]
    ),
    (((np.zeros(H), np.zeros(H)), np.zeros(4)), np.zeros(3), None),
)
CASES = {
    case.name: case
    for case in (*(case for name in READINGS for case in cases_of(name)), TWO_LAYERS)
}


@functools.cache
def program(cell, engine=hoisted):
    """Compiles a run with gradients of a cell that has a memory bound."""
    return in_numpy(functools.partial(run_with_gradients, cell, engine, False))


def draw(case, seed=0, scale=0.6, batch_size=B):
    """Draws arguments with a memory for each sequence, one of which has no real row."""
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(lambda key: case.cell.init(key, D), jax.random.key(0))
    rows = rng.random((S, batch_size)) < 0.6
    rows[:, 1] = False
    memory = Memory(rng.normal(size=(S, batch_size, case.memory_size)), rows)
    params = bind_memory(draw_like(rng, shapes, scale=scale), memory)
    inputs = rng.normal(size=(T, batch_size, D))
    result = jax.eval_shape(functools.partial(unroll, case.cell), params, inputs)
    return Arguments(
        params,
        None,
        inputs,
        rng.random((T, batch_size)) < 0.7,
        rng.random((T, batch_size)) < 0.15,
        draw_like(rng, result, scale=1.0),
    )


def with_values(arguments, values):
    """Replaces the rows of the memory."""
    memory = arguments.params["memory"]._replace(values=values)
    return arguments._replace(params={**arguments.params, "memory": memory})


def params_gradient(arguments, result):
    """Returns the gradient of the parameters as a pytree like them."""
    return part(arguments.params)[1](result.grads[0])
