"""Pooling over real steps by weights that are learned."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.attention.base import glimpse_of, masked_softmax
from rnnjax.attention.content import additive_energies
from rnnjax.base import Array, Params, cached, check_positive
from rnnjax.initializers import Initializer
from rnnjax.masking import check_marks, zero_masked
from rnnjax.products import matmul


class Pooling(NamedTuple):
    """A pooling with parameters.

    `functools.partial(apply, params)` is a function like `rnnjax.last_step`.

    Attributes:
      init: `(key, input_size) -> params`.
      apply: `(params, outputs, mask=None) -> [..., size]`, of `[T, ..., size]` and
        `[T, ...]`; zeros, and no gradient, for a sequence without a real step.
      weigh: `(params, outputs, mask=None) -> [T, ...]`, the weights, which sum to 1
        over the real steps of a sequence.
    """

    init: Callable[..., Params]
    apply: Callable[..., Array]
    weigh: Callable[..., Array]


@cached
def query_pooling(
    *,
    query_init: Initializer = initializers.lecun_normal(),
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Pooling:
    """Makes a pooling by one learned query.

        α = softmax(qᵀ hₜ) over the real steps
        y = Σₜ αₜ hₜ

    Args:
      query_init: initializer of q, drawn as `[input_size, 1]`.
      dtype: dtype of q.

    Returns:
      The pooling, over a dict of `query` q `[input_size]`.

    Example:
      >>> pooling = query_pooling()
      >>> outputs = jnp.array([[1.0, 0.0], [3.0, 0.0], [9.0, 9.0]])
      >>> mask = jnp.array([True, True, False])
      >>> pooling.apply({"query": jnp.zeros(2)}, outputs, mask)  # equal weights
      Array([2., 0.], dtype=float32)
    """

    def init(key, input_size):
        check_positive(input_size=input_size)
        return {"query": query_init(key, (input_size, 1), dtype)[:, 0]}

    def energies(params, outputs):
        return matmul(outputs, params["query"][:, None])[..., 0]

    return _pooling(init, energies)


@cached
def additive_pooling(
    size: int,
    *,
    kernel_init: Initializer = initializers.lecun_normal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Pooling:
    """Makes a pooling by a learned query in the space of a tanh layer.

        α = softmax(vᵀ tanh(U hₜ + b)) over the real steps
        y = Σₜ αₜ hₜ

    Args:
      size: width of U hₜ.
      kernel_init: initializer of U and v.
      bias_init: initializer of b.
      dtype: dtype of the parameters.

    Returns:
      The pooling, over a dict of `key_kernel` U `[input_size, size]`, `energy_kernel` v
      and `bias` b `[size]`.

    Raises:
      ValueError: if `size` is not positive.

    References:
      Yang, Yang, Dyer, He, Smola and Hovy, "Hierarchical Attention Networks for
      Document Classification", NAACL 2016, equations 5 to 7.
    """
    check_positive(size=size)

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 3)
        return {
            "key_kernel": kernel_init(keys[0], (input_size, size), dtype),
            "energy_kernel": kernel_init(keys[1], (size, 1), dtype)[:, 0],
            "bias": bias_init(keys[2], (size,), dtype),
        }

    def energies(params, outputs):
        pre = matmul(outputs, params["key_kernel"]) + params["bias"]
        return additive_energies(params, pre)

    return _pooling(init, energies)


def _pooling(init, energies):
    def weigh(params, outputs, mask=None):
        check_marks("mask", mask, outputs.shape[:-1])
        by_step = jnp.moveaxis(energies(params, zero_masked(mask, outputs)), 0, -1)
        steps_last = None if mask is None else jnp.moveaxis(jnp.asarray(mask), 0, -1)
        return jnp.moveaxis(masked_softmax(by_step, steps_last), -1, 0)

    def apply(params, outputs, mask=None):
        weights = jnp.moveaxis(weigh(params, outputs, mask), 0, -1)
        return glimpse_of(weights, jnp.moveaxis(zero_masked(mask, outputs), 0, -2))

    return Pooling(init, apply, weigh)
