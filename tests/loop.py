"""The contracts in plain words: one sequence at a time, step by step, in NumPy.

Nothing here comes from an engine: a Python loop goes forward over the real steps of one
sequence, and another goes back through time with the derivative of a single step.
"""

import functools
import operator
from typing import Any, NamedTuple

import jax
import numpy as np

from rnnjax.base import prepared
from tests.trees import part


class Run(NamedTuple):
    """What a run over time gives.

    Attributes:
      carry: the last carry.
      outputs: `[T, ...]`.
      grads: of the sum of carry and outputs, weighted, by the floating leaves of
        (params, carry, inputs).
    """

    carry: Any
    outputs: Any
    grads: Any


def run_batch(cell, params, carry, inputs, mask, is_first, reverse, weights):
    """Runs a batch of any shape, sequence by sequence; see `run_sequence`."""
    batch_shape = mask.shape[1:]
    runs = []
    for index in np.ndindex(batch_shape):
        own = functools.partial(jax.tree.map, operator.itemgetter(index))
        own_steps = functools.partial(
            jax.tree.map, operator.itemgetter((slice(None), *index))
        )
        runs.append(
            run_sequence(
                cell,
                params,
                own(carry),
                own_steps(inputs),
                own_steps(mask),
                own_steps(is_first),
                reverse,
                (own(weights[0]), own_steps(weights[1])),
            )
        )

    def join(*x):
        return np.stack(x).reshape(batch_shape + x[0].shape)

    def join_steps(*x):
        return np.stack(x, 1).reshape(x[0].shape[:1] + batch_shape + x[0].shape[1:])

    params_grad, carry_grad, inputs_grad = zip(*[run.grads for run in runs])
    return Run(
        jax.tree.map(join, *[run.carry for run in runs]),
        jax.tree.map(join_steps, *[run.outputs for run in runs]),
        (
            jax.tree.map(lambda *x: sum(x), *params_grad),
            jax.tree.map(join, *carry_grad),
            jax.tree.map(join_steps, *inputs_grad),
        ),
    )


def run_sequence(cell, params, carry, inputs, mask, is_first, reverse, weights):
    """Runs one sequence `[T, ...]` and its gradients.

    Args:
      cell: the cell.
      params: its parameters, not prepared.
      carry: the carry before the first step computed; None: the initial one.
      inputs: `[T, ...]` leaves.
      mask: `[T]` bool.
      is_first: `[T]` bool, in the order of time.
      reverse: whether to go from the last step to the first.
      weights: like (last carry, outputs), by which they are weighted.

    Returns:
      `Run`; no gradient is given for a carry of None.
    """
    num_steps = len(mask)
    start, step, step_back, start_back = derivatives(cell)
    order = range(num_steps)[::-1] if reverse else range(num_steps)
    tape, outputs = [], [None] * num_steps
    given = carry is not None
    carry = carry if given else start(params)
    for t in order:
        x = jax.tree.map(lambda x: x[t], inputs)  # noqa: B023
        if is_first[t] and not reverse:
            carry = start(params)
            tape.append(("start", t, None, None))
        if mask[t]:
            tape.append(("step", t, carry, x))
            carry, outputs[t] = step(params, carry, x)
        if is_first[t] and reverse and t > 0:
            carry = start(params)
            tape.append(("start", t, None, None))
    shown = [out for out in outputs if out is not None]
    shape_of = shown[0] if shown else _shape_of_outputs(cell, params, carry, x)
    zeros = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shape_of)
    outputs = [zeros if out is None else out for out in outputs]

    params_grad = [np.zeros_like(x) for x in part(params)[0]]
    inputs_grad = [np.zeros_like(x) for x in part(inputs)[0]]
    carry_grad = part(weights[0])[0]

    def add_to_params(grads):
        for total, grad in zip(params_grad, grads):
            total += grad

    for kind, t, before, x in reversed(tape):
        if kind == "start":
            add_to_params(start_back(params, carry_grad))
            carry_grad = [np.zeros_like(x) for x in carry_grad]
            continue
        weight = [w[t] for w in part(weights[1])[0]]
        grads = step_back(params, before, x, carry_grad, weight)
        add_to_params(grads[0])
        carry_grad = grads[1]
        for total, grad in zip(inputs_grad, grads[2]):
            total[t] += grad
    if not given:
        add_to_params(start_back(params, carry_grad))
        carry_grad = []
    outputs = jax.tree.map(lambda *x: np.stack(x), *outputs)
    return Run(carry, outputs, (params_grad, carry_grad, inputs_grad))


def _shape_of_outputs(cell, params, carry, inputs):
    """Of a step of a sequence that has none."""
    return jax.eval_shape(cell.step, prepared(cell, params), carry, inputs)[1]


@functools.cache
def derivatives(cell):
    """Returns the start of a sequence and a step, compiled, and their transposes."""

    def start(params):
        return cell.initial_carry(prepared(cell, params))

    def step(params, carry, inputs):
        return cell.step(prepared(cell, params), carry, inputs)

    def start_back(params, carry_weights):
        floats, put_back = part(params)
        pull = jax.vjp(lambda floats: part(start(put_back(floats)))[0], floats)[1]
        return pull(carry_weights)[0]

    def step_back(params, carry, inputs, carry_weights, output_weights):
        parts = [part(tree) for tree in (params, carry, inputs)]

        def floating(*floats):
            trees = [put_back(fs) for fs, (_, put_back) in zip(floats, parts)]
            carry, outputs = step(*trees)
            return part(carry)[0], part(outputs)[0]

        pull = jax.vjp(floating, *[floats for floats, _ in parts])[1]
        return pull((carry_weights, output_weights))

    return tuple(map(in_numpy, (start, step, step_back, start_back)))


def in_numpy(function, quick=True):
    """Compiles a function and turns what it gives into NumPy arrays.

    Compiling is most of what the tests cost; a quick one leaves out what the compiler
    does for speed.
    """
    compiled = jax.jit(function, compiler_options=quick_options() if quick else None)
    return lambda *args: jax.device_get(compiled(*args))


@functools.cache
def quick_options():
    """Returns those options for quick compiling that this version of XLA knows."""
    known = {}
    for option in (
        {"xla_backend_optimization_level": 0},
        {"xla_cpu_use_fusion_emitters": False},
    ):
        try:
            jax.jit(lambda x: x + 1, compiler_options=option)(0)
        except jax.errors.JaxRuntimeError:
            continue
        known |= option
    return known
