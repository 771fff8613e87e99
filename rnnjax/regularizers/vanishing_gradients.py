"""The penalty on gradients that vanish or explode."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from rnnjax.base import (
    Array,
    Carry,
    Cell,
    Engine,
    Params,
    batch_shape,
    pre_activation,
    prepared,
)
from rnnjax.diagnostics.trajectory import part_floating
from rnnjax.engines.hoisted import hoisted
from rnnjax.regularizers.tracing import GradientTrace, backpropagate

LEAST_SQUARED_NORM = 1e-20  # a smaller gradient has no direction to preserve


class PenalizedGradients(NamedTuple):
    """The sum of the gradients of a loss and of its penalty.

    Attributes:
      loss: the loss without the penalty.
      penalty: Ω, without its weight.
      grads: of the cell's parameters, penalty included.
      rest_grads: of the parameters that only the loss reads.
    """

    loss: Array
    penalty: Array
    grads: Params
    rest_grads: Params


def vanishing_gradient_penalty(
    cell: Cell, params: Params, trace: GradientTrace
) -> Array:
    """Computes how far each step is from preserving the norm of the gradient.

        Ω = Σₜ (‖δₜ Jₜ‖ / ‖δₜ‖ - 1)²,  δₜ = ∂loss / ∂hₜ,  Jₜ = ∂hₜ / ∂hₜ₋₁

    summed over the steps and averaged over the batch. Steps with δₜ = 0 are left out.
    This is the penalty as the equation is written; the code released with the paper
    differs, see `vanishing_gradient_penalty_immediate`.

    Nothing is held constant: if `trace` was made from the same `params`, the gradient
    also flows through the carries and the backpropagated δₜ, which takes second-order
    derivatives. Pass a trace of constants for the immediate part only.

    Args:
      cell: the cell that the trace was made with.
      params: its parameters.
      trace: of `gradient_trace`.

    Returns:
      Ω, a scalar.

    Example:
      >>> from rnnjax.regularizers import gradient_trace
      >>> cell = rnnjax.elman(4)
      >>> inputs = jnp.ones((7, 2, 3))
      >>> @jax.jit
      ... def penalty(params):
      ...     trace = gradient_trace(cell, params, inputs, lambda o: (o[-1] ** 2).sum())
      ...     return vanishing_gradient_penalty(cell, params, trace)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> jax.grad(penalty)(params)["recurrent_kernel"].shape
      (4, 4)

    References:
      Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
      networks", ICML 2013, equation 9; the mean over the batch is not in it.
    """
    passed, came = _squared_norms(cell, params, trace, lambda x: x)
    counted = (came >= LEAST_SQUARED_NORM) & (passed > 0)
    ratio = jnp.sqrt(jnp.where(counted, passed, 1) / jnp.where(counted, came, 1))
    lost = (came >= LEAST_SQUARED_NORM) & (passed == 0)
    penalties = jnp.where(lost, 1, (ratio - 1) ** 2)
    return penalties.sum(axis=0).mean()


def vanishing_gradient_penalty_immediate(
    cell: Cell, params: Params, trace: GradientTrace
) -> Array:
    """Computes the penalty of the code that was released with the paper.

        Ω = meanₜ (‖δₜ Jₜ‖² / ‖δₜ‖² - 1)²

    with squared norms, and the mean over all steps and sequences with ‖δₜ‖² of at least
    1e-20. Its derivative is the immediate one: δₜ, the carries and f' are constants,
    so only the parameters of `Factors.recur` (W) have a gradient, and no second-order
    derivatives are needed.

    Args:
      cell: the cell that the trace was made with.
      params: its parameters.
      trace: of `gradient_trace`.

    Returns:
      Ω, a scalar; 0 if δₜ is 0 at every step.

    References:
      Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
      networks", ICML 2013, equation 10; the released code is for sigmoid and tanh.
    """
    trace = lax.stop_gradient(trace)
    passed, came = _squared_norms(cell, params, trace, lax.stop_gradient)
    counted = jnp.greater_equal(came, LEAST_SQUARED_NORM)
    ratio = jnp.where(counted, passed / jnp.where(counted, came, 1), 1)
    return ((ratio - 1) ** 2).sum() / jnp.maximum(counted.sum(), 1)


def penalized_gradients(
    loss: Callable[[Any, Any], Array],
    cell: Cell,
    params: Params,
    rest: Params,
    inputs: Any,
    *,
    weight: jax.typing.ArrayLike,
    carry: Carry | None = None,
    mask: Array | None = None,
    engine: Engine = hoisted,
) -> PenalizedGradients:
    """Computes the gradients of a loss and of its penalty in one backward pass.

    The penalty is `vanishing_gradient_penalty_immediate`, computed for all steps at
    once from what the backward pass stores. Clip the gradients afterwards: without
    clipping the penalty usually fails, as the paper says.

    Args:
      loss: `(rest, outputs) -> scalar`, of the outputs `[T, ...]` of the cell.
      cell: the cell; it must have factors.
      params: its parameters.
      rest: the parameters that only the loss reads, such as an output layer's.
      inputs: `[T, ..., input_size]`.
      weight: weight of the penalty; may be traced, so that it can decay.
      carry: the carry that the first step reads; None: the initial one.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.
      engine: one that has reverse mode.

    Returns:
      The loss, the penalty and the gradients.

    Raises:
      ValueError: if the cell has no factors.

    Example:
      >>> cell = rnnjax.elman(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> def loss(rest, outputs):
      ...     return ((outputs[-1] @ rest["kernel"] - 1) ** 2).mean()
      >>> rest = {"kernel": jnp.ones((4, 1))}
      >>> @jax.jit
      ... def gradients(params, rest, inputs):
      ...     return penalized_gradients(loss, cell, params, rest, inputs, weight=2.0)
      >>> got = gradients(params, rest, jnp.ones((7, 2, 3)))
      >>> got.grads["recurrent_kernel"].shape, got.rest_grads["kernel"].shape
      ((4, 4), (4, 1))
    """
    value, (grads, rest_grads), trace = backpropagate(
        loss, cell, params, rest, inputs, carry=carry, mask=mask, engine=engine
    )
    penalty, of_penalty = jax.value_and_grad(
        lambda params: vanishing_gradient_penalty_immediate(cell, params, trace)
    )(params)
    grads = jax.tree.map(lambda x, y: x + weight * y, grads, of_penalty)
    return PenalizedGradients(value, penalty, grads, rest_grads)


def _squared_norms(cell, params, trace, hold):
    """Returns ‖δₜ Jₜ‖² and ‖δₜ‖² `[T, ...batch]`.

    `hold` is applied to all of Jₜ except the matrices of `recur`.
    """
    params = prepared(cell, params)
    project, recur, update, _ = cell.factors
    batch_rank = len(batch_shape(trace.inputs, cell.input_ndim))

    def of_step(inputs, carry, cotangents):
        floats, put_back = part_floating(carry)
        drive = project(params, inputs)

        def pre_of(floats):
            return pre_activation(drive, recur(params, put_back(floats)))

        def left_of(floats, pre):
            return part_floating(update(hold(params), put_back(floats), pre))[0]

        pre, to_recur = jax.vjp(pre_of, floats)
        _, to_update = jax.vjp(left_of, floats, hold(pre))
        around, to_pre = to_update(cotangents)
        (through,) = to_recur(to_pre)
        passed = [x + y for x, y in zip(around, through)]
        return squared(passed), squared(cotangents)

    def squared(leaves):
        return sum((x**2).sum(axis=tuple(range(batch_rank, x.ndim))) for x in leaves)

    return jax.vmap(of_step)(*trace)
