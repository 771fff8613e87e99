"""A cell over time with its gradients: what the contracts compare."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Cell, Engine
from rnnjax.checks.compare import part
from rnnjax.unroll import unroll


class Arguments(NamedTuple):
    """The arguments of a run over time.

    Attributes:
      params: the cell's parameters, not prepared.
      carry: the carry before the first step computed; None: the initial one.
      inputs: `[T, ...batch, ...]` leaves.
      mask: `[T, ...batch]` bool; None: all steps are real.
      is_first: `[T, ...batch]` bool, in the order of time; None: false everywhere.
      weights: like (last carry, outputs), by which these are weighted in the sum whose
        gradients are taken.
    """

    params: Any
    carry: Any
    inputs: Any
    mask: Any
    is_first: Any
    weights: Any


class Run(NamedTuple):
    """The result of a run over time.

    Attributes:
      carry: the last carry.
      outputs: `[T, ...]`.
      grads: of the sum of carry and outputs, weighted, by the floating leaves of
        params, carry and inputs: three lists.
    """

    carry: Any
    outputs: Any
    grads: Any


Runner = Callable[..., Run]


def run_with_gradients(
    cell: Cell, engine: Engine, reverse: bool, *arguments: Any
) -> Run:
    """Unrolls a cell and computes gradients of the weighted carry and outputs.

    Args:
      cell: the cell.
      engine: the engine.
      reverse: whether to read from the last step to the first.
      *arguments: `Arguments`.

    Returns:
      The result.
    """
    params, carry, inputs, mask, is_first, weights = arguments
    parts = [part(tree) for tree in (params, carry, inputs)]

    def floating(*floats):
        params, carry, inputs = (
            put_back(own) for own, (_, put_back) in zip(floats, parts)
        )
        result = unroll(
            cell,
            params,
            inputs,
            carry=carry,
            mask=mask,
            is_first=is_first,
            reverse=reverse,
            engine=engine,
        )
        return part(result)[0], result

    floats = [own for own, _ in parts]
    results, pull, (carry, outputs) = jax.vjp(floating, *floats, has_aux=True)
    pairs = zip(part(weights)[0], results)
    return Run(carry, outputs, pull([jnp.asarray(w, x.dtype) for w, x in pairs]))


def run_under_vmap(cell: Cell, engine: Engine, *arguments: Any) -> dict[str, Any]:
    """Runs sequences under `jax.vmap` in every order with `jax.grad`.

    Args:
      cell: the cell.
      engine: the engine.
      *arguments: `Arguments` of one batch axis; the carry is not used.

    Returns:
      By name: the last carries and outputs; the gradients of each sequence's score by
      the parameters; those of the sum of all scores; and the summed scores for the
      parameters and for twice the parameters.
    """
    params, _, inputs, mask, is_first, weights = arguments
    floats, put_back = part(params)

    def run(floats, inputs, mask, is_first):
        params = put_back(floats)
        return unroll(cell, params, inputs, mask=mask, is_first=is_first, engine=engine)

    def score(floats, inputs, mask, is_first, weights):
        result = part(run(floats, inputs, mask, is_first))[0]
        pairs = zip(result, part(weights)[0])
        return sum(jnp.vdot(x, weight) for x, weight in pairs)

    axes = (None, 1, 1, 1)
    marked = inputs, mask, is_first, weights
    scores = jax.vmap(score, (*axes, (0, 1)))
    return {
        "values": jax.vmap(run, axes, (0, 1))(floats, *marked[:3]),
        "gradients": jax.vmap(jax.grad(score), (*axes, (0, 1)))(floats, *marked),
        "gradient of all": jax.grad(lambda x: jnp.sum(scores(x, *marked)))(floats),
        "scores by parameters": jax.vmap(score, (0, None, None, None, None))(
            [jnp.stack([x, 2 * x]) for x in floats], *marked
        ),
    }


def compiled(function: Callable, *args: Any, **options: Any) -> Callable:
    """Compiles `function(*args, ...)` and turns its results into NumPy arrays.

    Args:
      function: the function.
      *args: its first arguments, if they are given here.
      **options: of `jax.jit`.

    Returns:
      The function of the other arguments.
    """
    call = jax.jit(functools.partial(function, *args), **options)
    return lambda *others: jax.device_get(call(*others))
