"""The contracts of a cell: functions that return what is wrong, or None."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax.base import Cell, Params, prepared
from rnnjax.checks.affine import check_affine
from rnnjax.checks.compare import (
    difference,
    difference_of_types,
    floats_of,
    is_floating,
)
from rnnjax.engines.hoisted import hoisted
from rnnjax.engines.scan import scan
from rnnjax.unroll import unroll

NUM_STEPS, BATCH_SIZE = 6, 3
STEP = 1e-5  # of finite differences; their error is of order STEP² and 1e-16 / STEP


class Subject(NamedTuple):
    """A cell with its parameters, inputs and marks, in float64."""

    cell: Cell
    params: Params
    inputs: Any
    mask: np.ndarray
    is_first: np.ndarray


def _first_step(subject, batch_shape=(BATCH_SIZE,)):
    """Returns prepared parameters, and the carry and inputs of one step."""
    params = prepared(subject.cell, subject.params)
    skipped = {(): (0, 0), (BATCH_SIZE,): (0,)}[batch_shape]
    inputs = jax.tree.map(lambda x: x[skipped], subject.inputs)
    return params, subject.cell.initial_carry(params, batch_shape), inputs


def _check_carry(subject):
    for batch_shape in ((), (BATCH_SIZE,)):
        params, carry, inputs = _first_step(subject, batch_shape)
        for path, leaf in jax.tree.leaves_with_path(carry):
            if leaf.shape[: len(batch_shape)] != batch_shape:
                name = "the initial carry" + jax.tree_util.keystr(path)
                return f"{name} has shape {leaf.shape} for a batch of {batch_shape}"
        got, _ = jax.eval_shape(subject.cell.step, params, carry, inputs)
        problem = difference_of_types(got, carry, "the carry")
        if problem:
            return problem
    return None


def _check_dtypes(subject):
    for dtype in (jnp.bfloat16, jnp.float32, jnp.float64):
        params, inputs = jax.tree.map(
            lambda x: x.astype(dtype) if is_floating(x) else x,  # noqa: B023
            (subject.params, subject.inputs),
        )
        run = functools.partial(unroll, subject.cell)
        carry, outputs = jax.eval_shape(run, params, inputs)
        for name, tree in (("the carry", carry), ("the output", outputs)):
            for path, x in jax.tree.leaves_with_path(tree):
                if is_floating(x) and x.dtype != dtype:
                    where = name + jax.tree_util.keystr(path)
                    return f"{where} is {x.dtype} for parameters of {dtype.__name__}"
    return None


def _run(subject, inputs, mask=None, is_first=None, carry=None, engine=scan):
    return unroll(
        subject.cell,
        subject.params,
        inputs,
        carry=carry,
        mask=mask,
        is_first=is_first,
        engine=engine,
    )


def _steps(subject, start, stop):
    return jax.tree.map(lambda x: x[start:stop], subject.inputs)


def _check_batch(subject):
    _, together = _run(subject, subject.inputs)
    for b in range(BATCH_SIZE):
        own = jax.tree.map(lambda x: x[:, b], subject.inputs)  # noqa: B023
        _, alone = _run(subject, own)
        of_batch = jax.tree.map(lambda x: x[:, b], together)  # noqa: B023
        problem = difference(of_batch, alone, what=f"the output of row {b}")
        if problem:
            return problem
    return None


def _check_vmap(subject):
    got = jax.vmap(lambda x: _run(subject, x)[1], in_axes=1, out_axes=1)(subject.inputs)
    return difference(got, _run(subject, subject.inputs)[1], what="the output")


def _with_gradients(subject, inputs, engine):
    """Returns the outputs, and the gradients of parameters and inputs, with marks."""
    leaves, treedef = jax.tree.flatten((subject.params, inputs))
    floating = [is_floating(x) for x in leaves]

    def score(floats):
        floats = iter(floats)
        params, inputs = treedef.unflatten(
            [next(floats) if own else x for own, x in zip(floating, leaves)]
        )
        result = _run(
            subject._replace(params=params),
            inputs,
            subject.mask,
            subject.is_first,
            engine=engine,
        )
        return sum(jnp.sin(x).sum() for x in floats_of(result)), result

    floats = [jnp.asarray(x) for own, x in zip(floating, leaves) if own]
    (_, result), grads = jax.value_and_grad(score, has_aux=True)(floats)
    return {"result": result, "gradient": grads}


def _check_padding(subject):
    def filled(value):
        def fill(x):
            x = np.array(x)
            if is_floating(x):
                x[~subject.mask] = value
            return x

        return jax.tree.map(fill, subject.inputs)

    with_zeros, with_nan = (
        _with_gradients(subject, filled(value), scan) for value in (0.0, np.nan)
    )
    return difference(with_nan, with_zeros, 0, what="with NaN there the run")


def _check_resets(subject):
    half = NUM_STEPS // 2
    is_first = np.zeros((NUM_STEPS, BATCH_SIZE), bool)
    is_first[half] = True
    whole = _run(subject, subject.inputs, is_first=is_first)
    carry, later = _run(subject, _steps(subject, half, None))
    rest = jax.tree.map(lambda x: x[half:], whole[1])
    return difference((whole[0], rest), (carry, later), what="what follows")


def _check_chunks(subject):
    half = NUM_STEPS // 2
    carry, first = _run(subject, _steps(subject, 0, half))
    carry, second = _run(subject, _steps(subject, half, None), carry=carry)
    joined = jax.tree.map(lambda *x: jnp.concatenate(x), first, second)
    whole = _run(subject, subject.inputs)
    return difference((carry, joined), whole, what="what two chunks give")


def _check_gradients(subject):
    """Compares a random directional derivative with a finite difference."""
    rng = np.random.default_rng(0)
    leaves, treedef = jax.tree.flatten((subject.params, subject.inputs))
    floating = [is_floating(x) for x in leaves]
    direction = [
        rng.normal(size=np.shape(x)) for x, own in zip(leaves, floating) if own
    ]

    @jax.jit
    def score(distance):
        ways = iter(direction)
        params, inputs = treedef.unflatten(
            [
                x + distance * next(ways) if own else x
                for x, own in zip(leaves, floating)
            ]
        )
        result = _run(subject._replace(params=params), inputs)
        return sum(jnp.sin(x).sum() for x in floats_of(result))

    got = jax.jit(jax.grad(score))(0.0)
    want = (score(STEP) - score(-STEP)) / (2 * STEP)
    return difference(got, want, 1e-6, what="the derivative along a random direction")


def _check_factors(subject):
    if subject.cell.factors is None:
        return None
    arguments = _first_step(subject)
    got = subject.cell.factors.step(*arguments)
    problem = difference(got, subject.cell.step(*arguments), what="what factors give")
    if problem is None:
        check_affine(subject.cell, subject.params)
    return problem


def _check_engines(subject):
    got, want = (
        jax.jit(lambda inputs: _with_gradients(subject, inputs, engine))(  # noqa: B023
            subject.inputs
        )
        for engine in (hoisted, scan)
    )
    return difference(got, want, what="under hoisted the run")


CONTRACTS = (
    ("carry", "a step keeps the carry's structure, shapes and dtypes", _check_carry),
    ("dtypes", "the parameters' dtype decides all others", _check_dtypes),
    ("batch", "a row of a batch gives what it gives alone", _check_batch),
    ("vmap", "`jax.vmap` gives what a batch gives", _check_vmap),
    ("padding", "nothing in masked steps is seen", _check_padding),
    ("resets", "from `is_first` on it is a new sequence", _check_resets),
    ("chunks", "chunks with the carry handed on give the whole", _check_chunks),
    ("gradients", "derivatives equal finite differences", _check_gradients),
    ("factors", "they give the step, and `recur` is affine", _check_factors),
    ("engines", "`hoisted` gives values and gradients of `scan`", _check_engines),
)
