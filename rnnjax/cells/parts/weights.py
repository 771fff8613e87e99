"""The options that the makers of most cells share: how weights are drawn."""

import inspect
import typing
from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypedDict, TypeVar

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.base import cached
from rnnjax.initializers import Initializer

P = ParamSpec("P")
T = TypeVar("T")


class BiasWeights(TypedDict, total=False):
    """The options of `Weights` that a cell without input matrices has."""

    use_bias: bool
    bias_init: Initializer
    dtype: jax.typing.DTypeLike
    compute_dtype: jax.typing.DTypeLike | None


class InputWeights(BiasWeights, total=False):
    """The options of `Weights` that a cell without recurrent matrices has."""

    kernel_init: Initializer


class Weights(InputWeights, total=False):
    """Options of a maker that say how its cell's parameters are drawn and multiplied.

    A maker takes them as `**weights: Unpack[Weights]`; see `WeightOptions` for their
    meaning and their defaults.
    """

    recurrent_kernel_init: Initializer


class WeightOptions(NamedTuple):
    """The options of `Weights`, with the default of each.

    Attributes:
      use_bias: whether there are biases; without them there is no such parameter.
      kernel_init: initializer of each gate's input matrix.
      bias_init: initializer of the biases; `<gate>_bias` of a maker is added to it.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the products, see `rnnjax.products.matmul`.
      recurrent_kernel_init: initializer of each gate's recurrent matrix.
    """

    use_bias: bool = True
    kernel_init: Initializer = initializers.lecun_normal()
    bias_init: Initializer = initializers.zeros
    dtype: jax.typing.DTypeLike = jnp.float32
    compute_dtype: jax.typing.DTypeLike | None = None
    recurrent_kernel_init: Initializer = initializers.orthogonal()


def cell_maker(make: Callable[P, T]) -> Callable[P, T]:
    """Makes a maker with `**weights` return the same cell for equal options.

    In the signature, the options of `**weights` are listed by name, with the defaults
    of `WeightOptions`. A keyword that is not among them raises a `TypeError`.

    Args:
      make: takes `**weights`, annotated by `Unpack[...]` of `Weights` or of its bases.

    Returns:
      The maker, see `rnnjax.base.cached`.

    Example:
      >>> from typing import Unpack
      >>> @cell_maker
      ... def counter(hidden_size, **weights: Unpack[InputWeights]):
      ...     return [hidden_size, weights["use_bias"]]
      >>> counter(3) is counter(hidden_size=3, use_bias=True)
      True
      >>> counter(3, use_biass=True)
      Traceback (most recent call last):
      TypeError: counter() got an unexpected keyword argument 'use_biass'
    """
    signature = inspect.signature(make)
    *own, weights = signature.parameters.values()
    (options,) = typing.get_args(weights.annotation)
    named = [
        weights.replace(
            name=name,
            kind=inspect.Parameter.KEYWORD_ONLY,
            default=WeightOptions._field_defaults[name],
            annotation=annotation,
        )
        for name, annotation in typing.get_type_hints(options).items()
    ]
    setattr(make, "__signature__", signature.replace(parameters=[*own, *named]))  # noqa: B010
    return cached(make)
