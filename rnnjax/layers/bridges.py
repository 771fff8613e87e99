"""Bridges: how a decoder begins from what an encoder has read."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.attention.attentive import AttentiveCarry
from rnnjax.base import Array, Carry, Params, cached
from rnnjax.initializers import Initializer
from rnnjax.products import matmul


class Bridge(NamedTuple):
    """A map from the last carry of an encoder to the first one of a decoder.

    It fills the arrays that the decoder's cells carry. What stands beside them, such as
    the glimpse of an attentive cell or the clock of a dropout, is left as it is.

    Attributes:
      init: `(key, last, carry) -> params`, of the two carries' shapes for one sequence.
      apply: `(params, last, carry, batch_shape) -> carry`.
    """

    init: Callable[..., Params]
    apply: Callable[..., Carry]


@cached
def dense_bridge(
    activation: Callable[[Array], Array] = jnp.tanh,
    *,
    kernel_init: Initializer = initializers.lecun_normal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Bridge:
    """Makes a bridge by one affine map for each array of the decoder's cells.

        cᵢ = f(Kᵢ s + bᵢ)

    s is everything that the encoder's layers carry in the end, one after the other.

    Args:
      activation: f.
      kernel_init: initializer of K.
      bias_init: initializer of b.
      dtype: dtype of the parameters.

    Returns:
      The bridge, over a tuple of dicts of `kernel` Kᵀ and `bias` b.

    References:
      Bahdanau, Cho and Bengio, "Neural Machine Translation by Jointly Learning to Align
      and Translate", ICLR 2015, appendix A.2.2, which reads the backward carry alone.
    """

    def init(key, last, carry):
        input_size = sum(math.prod(leaf.shape) for leaf in arrays_of(last))
        params = []
        for i, leaf in enumerate(arrays_of(carry)):
            kernel_key, bias_key = jax.random.split(jax.random.fold_in(key, i))
            size = math.prod(leaf.shape)
            kernel = kernel_init(kernel_key, (input_size, size), dtype)
            params.append(
                {"kernel": kernel, "bias": bias_init(bias_key, (size,), dtype)}
            )
        return tuple(params)

    def apply(params, last, carry, batch_shape):
        leaves = [leaf.reshape(*batch_shape, -1) for leaf in arrays_of(last)]
        summary = jnp.concatenate(leaves, axis=-1)
        filled = [
            activation(matmul(summary, own["kernel"]) + own["bias"]).reshape(leaf.shape)
            for own, leaf in zip(params, arrays_of(carry), strict=True)
        ]
        return _with_arrays(carry, filled)

    return Bridge(init, apply)


@cached
def copy_bridge() -> Bridge:
    """Makes a bridge that hands the encoder's carry on as it is.

    Both must carry arrays of the same shapes in the same order, as layers of the same
    cells do.

    Returns:
      The bridge, without parameters.

    Raises:
      ValueError: by `init`, if the shapes differ.

    References:
      Sutskever, Vinyals and Le, "Sequence to Sequence Learning with Neural Networks",
      NeurIPS 2014.
    """

    def init(key, last, carry):
        del key
        given, wanted = (
            [leaf.shape for leaf in arrays_of(tree)] for tree in (last, carry)
        )
        if given != wanted:
            raise ValueError(
                f"encoder must carry arrays of the shapes that the decoder carries, "
                f"{wanted}, got {given}; a dense_bridge takes any."
            )
        return ()

    def apply(params, last, carry, batch_shape):
        del params, batch_shape
        return _with_arrays(carry, arrays_of(last))

    return Bridge(init, apply)


def arrays_of(carry: Carry) -> list[Any]:
    """Returns the arrays that the cells of a carry carry: its floating leaves.

    Of a cell that attends they are those of the cell itself.
    """
    return [leaf for leaf in jax.tree.leaves(_cells_of(carry)) if _is_floating(leaf)]


def _with_arrays(carry: Carry, arrays: list[Array]) -> Carry:
    """Returns a carry with other arrays in its cells, of the old dtypes."""
    cells = _cells_of(carry)
    rest = iter(arrays)

    def fill(leaf):
        return next(rest).astype(leaf.dtype) if _is_floating(leaf) else leaf

    filled = jax.tree.map(fill, cells)
    return jax.tree.map(
        lambda node, cell: node._replace(cell=cell) if _attends(node) else cell,
        carry,
        filled,
        is_leaf=_attends,
    )


def _cells_of(carry: Carry) -> Any:
    return jax.tree.map(
        lambda node: node.cell if _attends(node) else node, carry, is_leaf=_attends
    )


def _attends(node: Any) -> bool:
    return isinstance(node, AttentiveCarry)


def _is_floating(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.floating)
