"""The contracts in plain words: one sequence at a time, step by step, in NumPy.

Nothing here comes from an engine: a Python loop goes forward over the real steps of one
sequence, and another goes back through time with the derivative of a single step.
"""

import functools
import operator

import jax
import numpy as np

from rnnjax.base import Cell, batch_shape, prepared
from rnnjax.checks.compare import part
from rnnjax.checks.runs import Arguments, Run, compiled


def run_batch(cell: Cell, arguments: Arguments, reverse: bool = False) -> Run:
    """Runs a batch of any shape, sequence by sequence; see `run_sequence`.

    Args:
      cell: the cell.
      arguments: of the run.
      reverse: whether to go from the last step to the first.

    Returns:
      The result; no gradient is given for a carry of None.
    """
    arguments = with_marks(cell, arguments)
    batch = arguments.mask.shape[1:]
    runs = [
        run_sequence(cell, sequence_of(arguments, index), reverse)
        for index in np.ndindex(batch)
    ]

    def join(*x):
        return np.stack(x).reshape(batch + x[0].shape)

    def join_steps(*x):
        return np.stack(x, 1).reshape(x[0].shape[:1] + batch + x[0].shape[1:])

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


def with_marks(cell: Cell, arguments: Arguments) -> Arguments:
    """Writes out a mask or `is_first` of None."""
    num_steps = jax.tree.leaves(arguments.inputs)[0].shape[0]
    leading = (num_steps, *batch_shape(arguments.inputs, cell.input_ndim))
    if arguments.mask is None:
        arguments = arguments._replace(mask=np.ones(leading, bool))
    if arguments.is_first is None:
        arguments = arguments._replace(is_first=np.zeros(leading, bool))
    return arguments


def sequence_of(arguments: Arguments, index: tuple[int, ...]) -> Arguments:
    """Takes one sequence out of a batch."""
    own = functools.partial(jax.tree.map, operator.itemgetter(index))
    own_steps = functools.partial(
        jax.tree.map, operator.itemgetter((slice(None), *index))
    )
    params, carry, inputs, mask, is_first, (of_carry, of_outputs) = arguments
    inputs, mask, is_first = own_steps((inputs, mask, is_first))
    weights = own(of_carry), own_steps(of_outputs)
    return Arguments(params, own(carry), inputs, mask, is_first, weights)


def run_sequence(cell: Cell, arguments: Arguments, reverse: bool = False) -> Run:
    """Runs one sequence `[T, ...]`, and goes back through it for the gradients."""
    params, carry, inputs, mask, is_first, weights = arguments
    num_steps = len(mask)
    start, step = with_transposes(cell)
    order = range(num_steps)[::-1] if reverse else range(num_steps)
    last_weights = part(weights[0])[0]
    nothing = [np.zeros_like(x) for x in last_weights]
    no_outputs = jax.tree.map(lambda x: np.zeros(x.shape[1:], x.dtype), weights[1])
    tape, outputs = [], [no_outputs] * num_steps
    given = carry is not None
    carry = carry if given else start(params, nothing)[0]
    for t in order:
        x = jax.tree.map(lambda x: x[t], inputs)  # noqa: B023
        if is_first[t] and not reverse:
            carry = start(params, nothing)[0]
            tape.append(("start", t, None, None))
        if mask[t]:
            tape.append(("step", t, carry, x))
            carry, outputs[t], _ = step(params, carry, x, nothing, part(no_outputs)[0])
        if is_first[t] and reverse and t > 0:
            carry = start(params, nothing)[0]
            tape.append(("start", t, None, None))

    params_grad = [np.zeros_like(x) for x in part(params)[0]]
    inputs_grad = [np.zeros_like(x) for x in part(inputs)[0]]
    carry_grad = last_weights

    def add_to_params(grads):
        for total, grad in zip(params_grad, grads):
            total += grad

    for kind, t, before, x in reversed(tape):
        if kind == "start":
            add_to_params(start(params, carry_grad)[1])
            carry_grad = nothing
            continue
        weight = [w[t] for w in part(weights[1])[0]]
        *_, grads = step(params, before, x, carry_grad, weight)
        add_to_params(grads[0])
        carry_grad = grads[1]
        for total, grad in zip(inputs_grad, grads[2]):
            total[t] += grad
    if not given:
        add_to_params(start(params, carry_grad)[1])
        carry_grad = []
    outputs = jax.tree.map(lambda *x: np.stack(x), *outputs)
    return Run(carry, outputs, (params_grad, carry_grad, inputs_grad))


@functools.lru_cache(maxsize=64)
def with_transposes(cell: Cell):
    """Compiles the start of a sequence and a step, each with its transpose.

    Compiling costs more than running both where one is needed.
    """

    def start(params, carry_weights):
        floats, put_back = part(params)

        def floating(floats):
            carry = cell.initial_carry(prepared(cell, put_back(floats)))
            return part(carry)[0], carry

        _, pull, carry = jax.vjp(floating, floats, has_aux=True)
        return carry, pull(carry_weights)[0]

    def step(params, carry, inputs, carry_weights, output_weights):
        parts = [part(tree) for tree in (params, carry, inputs)]

        def floating(*floats):
            trees = [put_back(fs) for fs, (_, put_back) in zip(floats, parts)]
            carry, outputs = cell.step(prepared(cell, trees[0]), *trees[1:])
            return (part(carry)[0], part(outputs)[0]), (carry, outputs)

        floats = [floats for floats, _ in parts]
        _, pull, (carry, outputs) = jax.vjp(floating, *floats, has_aux=True)
        return carry, outputs, pull((carry_weights, output_weights))

    return compiled(start), compiled(step)
