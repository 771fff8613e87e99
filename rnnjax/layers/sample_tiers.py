"""The two tiers of `sample_level` as functions of their parameters."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.base import Array, Layer, Params
from rnnjax.layers.dense import dense
from rnnjax.layers.stack import abstract_inputs, abstract_outputs
from rnnjax.products import matmul


class Tiers(NamedTuple):
    """What the tiers compute; see `sample_level` for the equations.

    Attributes:
      init: `(key, input_size) -> params`, those of `sample_level`.
      frame_inputs: `(params, levels) -> inputs` of the slow tier, for the levels
        `[..., frame_size]` of a frame, with the labels.
      hints_of: `(params, shown) -> hints` `[..., frame_size, hidden_size]`, of what the
        slow tier shows.
      logits_of: `(params, levels, hint) -> logits`, the fast tier, for levels
        `[..., context_size]` and the hint of one sample.
    """

    init: Callable[..., Params]
    frame_inputs: Callable[[Params, Array], Array]
    hints_of: Callable[[Params, Array], Array]
    logits_of: Callable[[Params, Array, Array], Array]


def make_tiers(
    slow: Layer,
    *,
    num_levels: int,
    frame_size: int,
    context_size: int,
    embedding_size: int,
    hidden_size: int,
    label_sizes: tuple[int, ...],
    dtype: jax.typing.DTypeLike,
) -> Tiers:
    """Makes the tiers; the arguments are those of `sample_level`.

    Raises:
      ValueError: by `frame_inputs`, if there are labels and none are bound.
    """
    label_size = sum(label_sizes)
    kernel_init = initializers.lecun_normal()
    hints = dense(frame_size * hidden_size, dtype=dtype)
    inner, scores = dense(hidden_size, dtype=dtype), dense(num_levels, dtype=dtype)

    def init(key, input_size):
        del input_size  # that of the levels is given
        keys = jax.random.split(key, 6)
        read_size = frame_size + label_size
        own = slow.init(keys[0], read_size)
        shown = abstract_outputs(slow, own, abstract_inputs(read_size, 1))
        shape = context_size * embedding_size, hidden_size
        return {
            "slow": own,
            "hints": hints.init(keys[1], shown.shape[-1]),
            "embedding": initializers.normal(1.0)(
                keys[2], (num_levels, embedding_size), dtype
            ),
            "context_kernel": kernel_init(keys[3], shape, dtype),
            "inner": inner.init(keys[4], hidden_size),
            "scores": scores.init(keys[5], hidden_size),
            "labels": None,
        }

    def frame_inputs(params, levels):
        """Returns what the slow tier reads for levels `[..., frame_size]`."""
        kind = params["embedding"].dtype
        values = levels.astype(kind) * (2 / (num_levels - 1)) - 1
        values = jnp.where(levels < 0, 0, values)
        if not label_sizes:
            return values
        marks = _one_hot_labels(params["labels"], label_sizes, kind)
        marks = jnp.broadcast_to(marks, (*levels.shape[:-1], label_size))
        return jnp.concatenate([values, marks], axis=-1)

    def hints_of(params, shown):
        said = hints.apply(params["hints"], None, shown[None])[1][0]
        return said.reshape(*shown.shape[:-1], frame_size, hidden_size)

    def logits_of(params, levels, hint):
        """Computes the fast tier for levels `[..., context_size]`."""
        vectors = jnp.asarray(params["embedding"])[jnp.maximum(levels, 0)]
        vectors = jnp.where(levels[..., None] < 0, 0, vectors)
        read = vectors.reshape(*levels.shape[:-1], -1)
        z = jax.nn.relu(matmul(read, params["context_kernel"]) + hint)
        z = jax.nn.relu(inner.apply(params["inner"], None, z[None])[1][0])
        return scores.apply(params["scores"], None, z[None])[1][0]

    return Tiers(init, frame_inputs, hints_of, logits_of)


def bind_labels(params: Params, labels: Array, label_sizes: Sequence[int]) -> Params:
    """Returns the parameters of `sample_level` with the labels of sequences bound.

    Args:
      params: the parameters.
      labels: `[...batch, num_labels]` int, each below its size.
      label_sizes: those of `sample_level`.

    Returns:
      The parameters. Labels are data: keep, train and save the parameters as `init`
      made them.

    Raises:
      ValueError: if `params` have no place for labels, or the labels are not integers
        of that number.
    """
    labels = jnp.asarray(labels)
    is_whole = jnp.issubdtype(labels.dtype, jnp.integer)
    if not labels.ndim or labels.shape[-1] != len(label_sizes) or not is_whole:
        raise ValueError(
            f"labels must be integers [..., {len(label_sizes)}], got {labels.dtype} of "
            f"shape {labels.shape}."
        )
    if not isinstance(params, Mapping) or "labels" not in params:
        raise ValueError(
            "params must be those of sample_level, got no place for labels."
        )
    return {**params, "labels": labels}


def _one_hot_labels(labels: Any, label_sizes: Sequence[int], dtype: Any) -> Array:
    if labels is None:
        raise ValueError("labels must be bound to the parameters by bind_labels.")
    columns = [
        jax.nn.one_hot(labels[..., i], size, dtype=dtype)
        for i, size in enumerate(label_sizes)
    ]
    return jnp.concatenate(columns, axis=-1)
