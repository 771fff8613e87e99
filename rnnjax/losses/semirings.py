"""Semirings: what a sum over all paths of a lattice computes.

A path takes one state per step, and its weight is the product ⊗ of what it passes. The
sum ⊕ over all paths, computed by `rnnjax.losses.lattices`, is

| semiring | ⊕ | ⊗ | the sum over all paths |
|---|---|---|---|
| `LOG` | log(eˣ + eʸ) | x + y | the logarithm of the partition function |
| `MAX` | max(x, y) | x + y | the score of the best path |
| `COUNTING` | x + y | x · y | the number of paths |
| `ENTROPY` | see `Expectation` | see `Expectation` | also the expected score |
| `k_best(k)` | the k greatest | the k greatest sums | the scores of the k best paths |

Derivatives give the rest: the gradient of `LOG` by the scores is their posterior
probability, that of `MAX` and each of `k_best` is 1 on the path and 0 elsewhere.

All derivatives, in both modes and of any order, are finite where a weight is zero, that
is, a score is -inf: what no path can pass has derivative 0. Where several paths are
equally good, `MAX` has the derivative of one of them.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array, cached, check_positive

Element = Any


class Semiring(NamedTuple):
    """A sum ⊕ and a product ⊗, associative, of which ⊗ distributes over ⊕.

    Elements are arrays, or pytrees of arrays of one shape. Axes are counted from the
    end, since those of `k_best` have one more in front.

    Attributes:
      add: `(x, y, ...) -> x ⊕ y ⊕ ...`, broadcasting.
      multiply: `(x, y) -> x ⊗ y`, broadcasting; of equal rank, as in `add`.
      sum: `(x, axis) -> ⊕` over that axis, a negative number; the axis is removed.
      lift: from scores, the logarithms of weights, to elements: -inf becomes the
        neutral element of the sum, 0 that of the product.
    """

    add: Callable[..., Element]
    multiply: Callable[[Element, Element], Element]
    sum: Callable[[Element, int], Element]
    lift: Callable[[Array], Element]

    def zero(self, shape: tuple[int, ...], dtype: Any) -> Element:
        """Returns the neutral element of the sum, for scores of that shape."""
        return self.lift(jnp.full(shape, -jnp.inf, dtype))

    def one(self, shape: tuple[int, ...], dtype: Any) -> Element:
        """Returns the neutral element of the product, for scores of that shape."""
        return self.lift(jnp.zeros(shape, dtype))


class Expectation(NamedTuple):
    """A weight, and the mean of a value under the weights that were summed to it.

        (w, v) ⊗ (w', v') = (w + w', v + v')
        ⊕ₖ (wₖ, vₖ) = (log Σₖ exp(wₖ), Σₖ vₖ exp(wₖ) / Σₖ exp(wₖ))

    `ENTROPY.lift` takes the scores themselves as values. The entropy of the paths, in
    nats, is then `log_weight - value` of the sum over all of them. With other values,
    such as costs, the same sums give the expected cost of a path.

    Attributes:
      log_weight: the logarithm of the weight.
      value: the mean value; 0 where the weight is zero.

    References:
      Eisner, "Parameter Estimation for Probabilistic Finite-State Transducers", 2002,
      with the mean in place of the sum of weighted values, so that nothing overflows.
    """

    log_weight: Array
    value: Array


def log_sum(x: Array, axis: int) -> Array:
    """Computes log Σ exp(x); -inf with derivative 0 where all of `x` are -inf."""
    shift, total = _shifted_sum(x, axis)
    return _log_of_shifted(total, jnp.squeeze(shift, axis))


def log_add(*x: Array) -> Array:
    """Computes log Σₖ exp(xₖ), broadcasting; as `log_sum` of `x` stacked.

    No stack is made: a few arrays are added in one pass over them.
    """
    shift = jax.lax.stop_gradient(functools.reduce(jnp.maximum, x))
    shift = jnp.where(jnp.isfinite(shift), shift, 0)
    return _log_of_shifted(
        functools.reduce(jnp.add, [jnp.exp(y - shift) for y in x]), shift
    )


def max_sum(x: Array, axis: int) -> Array:
    """Computes the maximum, whose derivative is 1 at the first of the greatest.

    The derivative is 0 where all of `x` are -inf.
    """
    index = jnp.argmax(x, axis, keepdims=True)
    axis = axis % x.ndim
    is_first = jax.lax.broadcasted_iota(index.dtype, x.shape, axis) == index
    return _still_at_zero(jnp.where(is_first, x, 0).sum(axis))


def _shifted_sum(x, axis):
    """Returns a finite shift and Σ exp(x - shift); it is at least 1 unless it is 0."""
    shift = jax.lax.stop_gradient(jnp.max(x, axis, keepdims=True))
    shift = jnp.where(jnp.isfinite(shift), shift, 0)
    return shift, jnp.exp(x - shift).sum(axis)


def _log_of_shifted(total, shift):
    empty = total == 0
    return jnp.where(empty, -jnp.inf, jnp.log(jnp.where(empty, 1, total)) + shift)


def _still_at_zero(x):
    """Returns `x`, without a derivative where it is -inf."""
    return jnp.where(x == -jnp.inf, -jnp.inf, x)


def _mean_product(x, y):
    log_weight = x.log_weight + y.log_weight
    value = jnp.where(log_weight == -jnp.inf, 0, x.value + y.value)
    return Expectation(log_weight, value)


def _mean_sum(x, axis):
    shift, total = _shifted_sum(x.log_weight, axis)
    shares = jnp.exp(x.log_weight - shift)
    value = (shares * x.value).sum(axis) / jnp.where(total == 0, 1, total)
    return Expectation(log_sum(x.log_weight, axis), value)


def greatest_weight(weights: Array, axis: int | tuple[int, ...]) -> Array:
    """Returns the greatest weight along axes as a constant; 0 if there is none.

    A sum divided by it, step by step, does not leave the range of floats.
    """
    greatest = jax.lax.stop_gradient(weights).max(axis=axis)
    return jnp.where(jnp.isfinite(greatest), greatest, 0)


def _add_by(sum_):
    def add(*elements):
        return sum_(jax.tree.map(_stack, *elements), -1)

    return add


def _stack(*leaves):
    return jnp.stack(jnp.broadcast_arrays(*leaves), -1)


LOG = Semiring(log_add, jnp.add, log_sum, _still_at_zero)
MAX = Semiring(_add_by(max_sum), jnp.add, max_sum, _still_at_zero)
COUNTING = Semiring(
    add=lambda *counts: functools.reduce(jnp.add, counts),
    multiply=jnp.multiply,
    sum=jnp.sum,
    lift=lambda scores: (scores > -jnp.inf).astype(scores.dtype),
)
ENTROPY = Semiring(
    add=_add_by(_mean_sum),
    multiply=_mean_product,
    sum=_mean_sum,
    lift=lambda scores: Expectation(
        _still_at_zero(scores), jnp.where(scores == -jnp.inf, 0, scores)
    ),
)


@cached
def k_best(k: int) -> Semiring:
    """Makes the semiring of the k greatest scores, sorted, `[k, ...]`; -inf: none.

    Raises:
      ValueError: if `k` is not a positive whole number.

    Example:
      >>> best = k_best(2)
      >>> best.sum(best.lift(jnp.array([3.0, 1.0, 4.0])), -1)
      Array([4., 3.], dtype=float32)
    """
    check_positive(k=k)

    def greatest(x):
        x = jnp.moveaxis(x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]), 0, -1)
        return _still_at_zero(jnp.moveaxis(jax.lax.top_k(x, k)[0], -1, 0))

    def merge(x, axis):
        return greatest(jnp.moveaxis(x, axis, 0))

    def multiply(x, y):
        return greatest(x[:, None] + y)

    def lift(scores):
        none = jnp.full((k - 1, *scores.shape), -jnp.inf, scores.dtype)
        return jnp.concatenate([_still_at_zero(scores)[None], none])

    return Semiring(_add_by(merge), multiply, merge, lift)
