"""The contracts of a cell, each a function that says what is wrong, or None.

`check_cell` runs them on a cell of the user's, `tests/contracts` on every cell that is
registered. Most take a `run`, a compiled `run_with_gradients` of a cell, an engine and
a direction, so that one program serves several contracts.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax.base import Carry, Cell, Params, prepared
from rnnjax.checks.affine import check_affine
from rnnjax.checks.compare import (
    difference,
    difference_of_bits,
    difference_of_types,
    is_floating,
    not_finite,
    not_zero,
    part,
    steps,
)
from rnnjax.checks.loop import run_batch, run_sequence, sequence_of
from rnnjax.checks.runs import Arguments, Run, Runner, compiled

FILLS = 7.0, 1e30, np.nan, np.inf, -np.inf
STEP = 1e-5  # differences are exact to STEP**4 and to 1e-16 / STEP


def _first_problem(
    contract: Callable[..., Iterator[str | None]],
) -> Callable[..., str | None]:
    """Lets a contract yield problems, or None; the first problem is returned."""

    @functools.wraps(contract)
    def check(*args, **options):
        return next((x for x in contract(*args, **options) if x is not None), None)

    return check


@_first_problem
def carry(cell: Cell, params: Params, inputs: Any, batch_size: int):
    """A step keeps the carry's form, and a batch begins like each of its sequences.

    Args:
      cell: the cell.
      params: its parameters, not prepared.
      inputs: of one step, without a batch.
      batch_size: size of the batch to try.
    """
    params = prepared(cell, params)
    batch_shapes = (), (batch_size,), (2, batch_size)
    alone, *_ = starts = compiled(
        lambda params: [cell.initial_carry(params, shape) for shape in batch_shapes]
    )(params)
    for batch_shape, start in zip(batch_shapes, starts):
        for path, leaf in jax.tree.leaves_with_path(start):
            if leaf.shape[: len(batch_shape)] != batch_shape:
                name = "the initial carry" + jax.tree_util.keystr(path)
                yield f"{name} has shape {leaf.shape} for a batch of {batch_shape}"
        repeated, batch = (
            jax.tree.map(lambda x: np.broadcast_to(x, batch_shape + jnp.shape(x)), x)  # noqa: B023
            for x in (alone, inputs)
        )
        yield difference_of_bits(start, repeated, "the initial carry")
        after, _ = jax.eval_shape(cell.step, params, start, batch)
        yield difference_of_types(after, start, "the carry")


@_first_problem
def dtypes(run: Callable[..., Run], arguments: Arguments):
    """The parameters' dtype decides all that float; other leaves keep their own.

    Args:
      run: a run that is not compiled.
      arguments: of it.
    """
    for dtype in (jnp.bfloat16, jnp.float32, jnp.float64):
        own: Arguments = as_dtype(arguments, dtype)
        got = jax.eval_shape(run, *own)
        yield difference_of_types(got.carry, own.carry, "the carry")
        for path, x in jax.tree.leaves_with_path(got):
            if is_floating(x) and x.dtype != dtype:
                name = "the run" + jax.tree_util.keystr(path)
                yield f"{name} is {x.dtype} for parameters of {dtype.__name__}"


def as_dtype(tree, dtype):
    """Casts the floating leaves of a pytree."""
    return jax.tree.map(
        lambda x: np.asarray(x, dtype) if is_floating(x) else np.asarray(x), tree
    )


def equal_to_loop(
    run: Runner,
    cell: Cell,
    arguments: Arguments,
    *,
    reverse: bool = False,
    tolerance: float = 1e-9,
) -> str | None:
    """A batch with padding and resets gives what a loop over each sequence gives."""
    want = run_batch(cell, arguments, reverse)
    return difference(run(*arguments), want, tolerance, "the run")


@_first_problem
def padding(run: Runner, arguments: Arguments):
    """Nothing in masked steps is seen in any bit; they have no outputs or gradients."""
    inputs, mask = arguments.inputs, np.asarray(arguments.mask)

    def run_filled(value):
        return run(*arguments._replace(inputs=fill_padding(inputs, mask, value)))

    plain = run_filled(0.0)
    yield not_finite(plain, "the run")
    outputs, inputs_grad = steps((plain.outputs, plain.grads[2]), ~mask)
    yield not_zero(outputs, "the output of masked steps")
    yield not_zero(inputs_grad, "the gradient of masked steps")
    for value in FILLS:
        what = f"with {value} there the run"
        yield difference_of_bits(run_filled(value), plain, what)


def fill_padding(inputs, mask, value):
    """Puts `value` into masked steps; whole numbers get one outside any vocabulary."""

    def fill(x):
        filled = np.array(x)
        filled[~mask] = value if is_floating(x) else np.iinfo(x.dtype).min
        return filled

    return jax.tree.map(fill, inputs)


def empty_sequence(run: Runner, arguments: Arguments) -> str | None:
    """The first sequence of the batch, all of it padding, keeps its carry."""
    mask, is_first = np.array(arguments.mask), np.array(arguments.is_first)
    mask[:, 0], is_first[:, 0] = False, False
    got = run(*arguments._replace(mask=mask, is_first=is_first))
    first, want = steps(got.carry, 0), steps(arguments.carry, 0)
    return difference_of_bits(first, want, "the carry of an empty sequence")


@_first_problem
def resets(run: Runner, arguments: Arguments, *, reverse: bool = False):
    """Nothing from before `is_first`, NaN included, is seen in any bit after it."""
    num_steps, batch_size = np.shape(arguments.mask)
    none, middle = np.zeros((num_steps, batch_size), bool), num_steps // 2 + 1
    arguments = arguments._replace(mask=~none, is_first=none)

    def first_at(t):
        is_first = none.copy()
        is_first[t] = True
        return arguments._replace(is_first=is_first)

    before, after = slice(middle), slice(middle, num_steps)
    if reverse:
        before, after = after, before
    known = ~none
    known[before] = False
    marked = first_at(middle)
    want = run(*marked)
    yield not_finite(want, "the run")
    spoilt = fill_padding(arguments.inputs, known, np.nan)
    got = run(*marked._replace(inputs=spoilt))
    for part_of, of_got, of_want in (
        ("the last carry", got.carry, want.carry),
        ("the output", *(steps(x.outputs, after) for x in (got, want))),
    ):
        what = f"with NaN before it {part_of}"
        yield difference_of_bits(of_got, of_want, what)

    first = first_at(0)
    if reverse:
        # a chunk's first step may begin a sequence: its carry sums it up
        what = "where the first step begins it the run"
        yield difference_of_bits(run(*first), run(*arguments), what)
        return
    mask = ~none
    mask[0, -1] = False  # a masked step resets too
    first = first._replace(mask=mask)
    want = run(*first)
    spoilt = jax.tree.map(
        lambda x: x * np.nan if is_floating(x) else x, arguments.carry
    )
    got = run(*first._replace(carry=spoilt))
    yield difference_of_bits(got, want, "with a carry of NaN the run")
    yield not_zero(want.grads[1], "the gradient of a carry that is reset")


def chunks(
    run: Runner,
    cell: Cell,
    arguments: Arguments,
    *,
    reverse: bool = False,
    tolerance: float = 1e-9,
) -> str | None:
    """Two chunks, values and gradients handed on, give what a loop over both gives.

    Args:
      run: the run of a cell, which takes half the steps.
      cell: the cell.
      arguments: of an even number of steps.
      reverse: the direction of `run`.
      tolerance: see `difference`.
    """
    half = arguments.mask.shape[0] // 2
    near, far = slice(half), slice(half, None)
    is_first = np.array(arguments.is_first)
    if reverse:
        near, far = far, near
        is_first[half] = False  # this chunk cannot know that the other begins anew
    arguments = arguments._replace(is_first=is_first)

    def run_chunk(index, carry, carry_weights):
        params, _, *of_steps, (_, weights) = arguments
        *of_chunk, weights = steps((*of_steps, weights), index)
        return run(params, carry, *of_chunk, (carry_weights, weights))

    carry, (carry_weights, _) = arguments.carry, arguments.weights
    handed_on = run_chunk(near, carry, carry_weights).carry
    last = run_chunk(far, handed_on, carry_weights)
    first = run_chunk(near, carry, part(carry)[1](last.grads[1]))

    def join(x, y):
        return np.concatenate((y, x) if reverse else (x, y))

    got = Run(
        last.carry,
        jax.tree.map(join, first.outputs, last.outputs),
        (
            jax.tree.map(lambda x, y: x + y, first.grads[0], last.grads[0]),
            first.grads[1],
            jax.tree.map(join, first.grads[2], last.grads[2]),
        ),
    )
    want = run_batch(cell, arguments, reverse)
    return difference(got, want, tolerance, "what two chunks give")


def vmap(
    run: Callable[..., dict], cell: Cell, arguments: Arguments, tolerance: float = 1e-9
) -> str | None:
    """`jax.vmap`, in every order with `jax.grad`, gives what a loop gives.

    Args:
      run: a compiled `run_under_vmap`.
      cell: the cell.
      arguments: of it.
      tolerance: see `difference`.
    """
    arguments = arguments._replace(carry=None)
    floats, put_back = part(arguments.params)
    doubled = arguments._replace(params=put_back([2 * x for x in floats]))

    def run_alone(arguments):
        return [
            run_sequence(cell, sequence_of(arguments, (b,)))
            for b in range(arguments.mask.shape[1])
        ]

    def score(runs):
        return sum(
            np.vdot(x, weight)
            for b, run in enumerate(runs)
            for x, weight in zip(
                part((run.carry, run.outputs))[0],
                part(sequence_of(arguments, (b,)).weights)[0],
            )
        )

    runs = run_alone(arguments)
    gradients = jax.tree.map(lambda *x: np.stack(x), *[run.grads[0] for run in runs])
    want = {
        "values": (
            jax.tree.map(lambda *x: np.stack(x), *[run.carry for run in runs]),
            jax.tree.map(lambda *x: np.stack(x, 1), *[run.outputs for run in runs]),
        ),
        "gradients": gradients,
        "gradient of all": jax.tree.map(lambda x: x.sum(0), gradients),
        "scores by parameters": np.array([score(runs), score(run_alone(doubled))]),
    }
    return difference(run(*arguments), want, tolerance, "under `jax.vmap` the run")


def gradients(run: Runner, arguments: Arguments, tolerance: float = 1e-6) -> str | None:
    """The gradient along a random direction equals a finite difference.

    Args:
      run: the run of a cell.
      arguments: of it, in float64.
      tolerance: see `difference`.
    """
    floats, put_back = part(arguments[:3])
    rng = np.random.default_rng(0)
    direction = [rng.normal(size=np.shape(x)) for x in floats]

    def score(distance):
        moved = [x + distance * way for x, way in zip(floats, direction)]
        result = run(*put_back(moved), *arguments[3:])
        pairs = zip(part(result[:2])[0], part(arguments.weights)[0])
        return sum(np.vdot(x, weight) for x, weight in pairs)

    got = sum(map(np.vdot, jax.tree.leaves(run(*arguments).grads), direction))
    near, far = (score(step) - score(-step) for step in (STEP, 2 * STEP))
    want = (8 * near - far) / (12 * STEP)
    return difference(got, want, tolerance, "the derivative along a random direction")


@_first_problem
def factors(
    cell: Cell, params: Params, carry: Carry, inputs: Any, tolerance: float = 1e-9
):
    """The factors give the step, and `recur` is affine in the carry.

    Args:
      cell: the cell; one without factors passes.
      params: its parameters, not prepared.
      carry: of a batch.
      inputs: of one step of that batch.
      tolerance: see `difference`.
    """
    parts = cell.factors
    if parts is None:
        return
    if cell.step != parts.step:
        both = compiled(lambda *args: (parts.step(*args), cell.step(*args)))
        got, want = both(prepared(cell, params), carry, inputs)
        yield difference(got, want, tolerance, "what factors give")
    check_affine(cell, params, tolerance=tolerance)
