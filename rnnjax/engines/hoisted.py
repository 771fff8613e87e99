"""The engine for training: work that no earlier step affects leaves the loop."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from rnnjax.base import Array, Carry, Cell, Factors, Params, pre_activation
from rnnjax.engines.scan import scan
from rnnjax.kept_products import keep_products, product_sources, reuse_products
from rnnjax.masking import select, zero_masked
from rnnjax.placement import place_like
from rnnjax.tangents import for_rule, from_rule, push_forward, with_zeros


def hoisted(
    cell: Cell,
    params: Params,
    carry: Carry,
    inputs: Any,
    *,
    mask: Array | None,
    reset: Array | None,
    reverse: bool,
) -> tuple[Carry, Any]:
    """Runs `cell` with hand-optimized gradients; see `base.Engine`.

    For a step hₜ = update(U xₜ + W hₜ₋₁) the tangent is a separate loop that carries
    only dh,

        d preₜ = W dhₜ₋₁ + (dU xₜ + U dxₜ + dW hₜ₋₁)

    and the terms in brackets are computed for all steps at once. Transposed by JAX,
    this is backpropagation through time over dh, followed by one product over all
    steps for the gradient of each matrix, where a scan adds up one product per step.
    The carry and the pre-activation of each step are stored for it; gates are
    recomputed from them, products are not. The same holds for products of `update`
    with a parameter, see `kept_products`. What else `update` does with parameters has
    its gradient added up inside the loop, where vectors cost little.

    Takes every cell and every mode and order of differentiation. A cell without
    factors runs as on `scan`.

    Returns:
      The last carry and the outputs `[T, ...]`.

    References:
      Appleyard, Kocisky and Blunsom, "Optimizing Performance of Recurrent Neural
      Networks on GPUs", 2016, section 3.2, for one product per weight. There it is
      for reverse mode only; a rule for tangents makes it valid in every mode.
    """
    if cell.factors is None:
        return scan(
            cell, params, carry, inputs, mask=mask, reset=reset, reverse=reverse
        )
    trace = _run(cell, reverse, params, carry, inputs, mask, reset)
    outputs = _every_step(cell.factors.readout)(params, trace.carries, inputs)
    return trace.carry, zero_masked(mask, outputs)


class _Trace(NamedTuple):
    """What a run stores.

    Attributes:
      carry: the last carry.
      carries: `[T, ...]`, the carry after every step.
      pre: `[T, ...]`, the pre-activation of every step.
      kept: `[T, ...]`, what every update keeps of its products.
    """

    carry: Carry
    carries: Carry
    pre: Any
    kept: list[Array]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _run(cell, reverse, params, carry, inputs, mask, reset):
    project, recur, update, _ = cell.factors
    initial = _initial_carry(cell, carry, reset)(params)

    def loop(project, steps):
        def body(carry, step):
            step_inputs, mask, reset = step
            if reset is not None:
                carry = select(reset, initial, carry)
            pre = pre_activation(project(params, step_inputs), recur(params, carry))
            new_carry, kept = keep_products(update, params, carry, pre)
            if mask is not None:
                new_carry = select(mask, new_carry, carry)
            return new_carry, (new_carry, pre, kept)

        return lax.scan(body, carry, (steps, mask, reset), reverse=reverse)

    # On a CPU the drive of one step stays in cache; elsewhere one large product is
    # faster.
    carry, steps = lax.platform_dependent(
        cpu=lambda: loop(project, inputs),
        default=lambda: loop(
            lambda _, drive: drive, _every_step(project)(params, inputs)
        ),
    )
    return _Trace(carry, *steps)


@functools.partial(_run.defjvp, symbolic_zeros=True)
def _run_jvp(cell, reverse, primals, tangents):
    trace = _run(cell, reverse, *primals)
    params, carry, inputs, mask, reset = primals
    d_params, d_carry, d_inputs, _, _ = from_rule(tangents)
    previous = _previous(carry, trace.carries, reverse)
    if reset is not None:
        of_params = _initial_carry(cell, carry, reset)
        initial, d_initial = push_forward(of_params, (params,), (d_params,))
        d_initial = with_zeros(initial, d_initial)
        previous = select(reset, jax.tree.map(_over_time, initial), previous)
    source = _sources(cell.factors, (params, inputs, previous), (d_params, d_inputs))
    of_update = previous, trace.pre, trace.kept
    kept_sources = jax.vmap(
        functools.partial(
            product_sources, cell.factors.update, params, d_params=d_params
        )
    )(*of_update)
    step_tangent = _step_tangent(cell.factors, params, d_params)

    def body(d_carry, step):
        mask, reset, *step = step
        if reset is not None:
            d_carry = select(reset, d_initial, d_carry)
        d_new, *d_rest = step_tangent(d_carry, *step)
        if mask is not None:
            d_new = select(mask, d_new, d_carry)
        return d_new, (d_new, *d_rest)

    steps = mask, reset, source, kept_sources, *of_update
    d_carry = with_zeros(carry, d_carry)
    d_carry, d_steps = lax.scan(body, d_carry, steps, reverse=reverse)
    return trace, for_rule(trace, _Trace(d_carry, *d_steps))


def _sources(factors: Factors, primals, tangents):
    """Computes what inputs and parameters add to the pre-activations' tangents."""
    params, inputs, previous = primals
    d_params, d_inputs = tangents
    _, d_drive = push_forward(
        _every_step(factors.project), (params, inputs), (d_params, d_inputs)
    )
    _, d_pull = push_forward(
        _every_step(factors.recur), (params, previous), (d_params, None)
    )
    return pre_activation(d_drive, d_pull)


def _step_tangent(factors: Factors, params, d_params):
    """Returns the step of the tangent loop, which carries only the carry's tangent."""

    # Rematerialized: only what `_Trace` has of each step is stored.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def step_tangent(
        params, d_params, d_carry, source, kept_sources, previous, pre, kept
    ):
        _, d_pull = push_forward(factors.recur, (params, previous), (None, d_carry))
        d_pre = pre_activation(source, d_pull)
        _, (d_new, d_kept) = push_forward(
            functools.partial(reuse_products, factors.update),
            (params, previous, pre, kept),
            (d_params, d_carry, d_pre, kept_sources),
        )
        return with_zeros(previous, d_new), d_pre, d_kept

    return functools.partial(step_tangent, params, d_params)


def _initial_carry(cell, carry, reset):
    """Returns the carry that a reset sets, as a function of the parameters."""

    def initial_carry(params):
        if reset is None:
            return None
        return place_like(cell.initial_carry(params), carry)

    return initial_carry


def _every_step(function):
    """Maps a factor over all steps at once."""

    def over_time(params, *steps):
        return jax.vmap(functools.partial(function, params))(*steps)

    return over_time


def _previous(carry, carries, reverse):
    """Returns the carry before each step `[T, ...]`, ignoring resets."""

    def shift(first, rest):
        first = _over_time(first)[: len(rest)]
        return jnp.concatenate([rest[1:], first] if reverse else [first, rest[:-1]])

    return jax.tree.map(shift, carry, carries)


def _over_time(x):
    return x[None]
