"""The sample-level model of sound as an NNX module."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from rnnjax.base import Array, Cell, Layer, Params
from rnnjax.layers.sample_level import sample_level
from rnnjax.layers.sample_tiers import bind_labels
from rnnjax.masking import check_marks, zero_masked


class SampleLevel(nnx.Module):
    """The layer of `sample_level` as an NNX module, batch first.

    Training calls the module; generation binds the labels and takes the layer, which is
    time first:

        params = model.bind(labels)
        drawn = generate(model.layer, params, start, num_samples, key,
                         sampler=without_log_probs(sample_tokens(choose=inverse_cdf)))

    Attributes:
      layer: the layer as functions, time first.
      params: its parameters, with an `nnx.Param` for every leaf.
      label_sizes: number of values of each label.

    Args:
      cells: the slow tier, see `sample_level`.
      num_levels: number of levels.
      label_sizes: see `sample_level`.
      rngs: the parameters are drawn from its stream `params`; or a key.
      **options: those of `sample_level`, by name.

    Example:
      >>> from flax import nnx
      >>> options = {"label_sizes": (10, 6), "hidden_size": 8, "frame_size": 4}
      >>> model = SampleLevel([rnnjax.gru(8)], 256, **options, rngs=nnx.Rngs(0))
      >>> model(jnp.full((2, 9), 128), jnp.array([[7, 0], [3, 5]])).shape
      (2, 9, 256)
    """

    def __init__(
        self,
        cells: Sequence[Cell | Layer],
        num_levels: int,
        *,
        label_sizes: Sequence[int] = (),
        rngs: nnx.Rngs | jax.Array,
        **options: Any,
    ):
        self.label_sizes = tuple(label_sizes)
        self.layer = sample_level(
            cells, num_levels, label_sizes=self.label_sizes, **options
        )
        key = rngs.params() if isinstance(rngs, nnx.Rngs) else rngs
        params = self.layer.init(key, num_levels)
        self.params = nnx.data(jax.tree.map(nnx.Param, params))

    def __call__(
        self, samples: Array, labels: Array | None = None, *, mask: Array | None = None
    ) -> Array:
        """Predicts every sample from those before it.

        Args:
          samples: `[B, T]` int, levels; the output at each is of the next one.
          labels: `[B, num_labels]` int, for a model of labels.
          mask: `[B, T]` bool, true at real samples, which come first; None if all are.

        Returns:
          Logits `[B, T, num_levels]`; zeros at padding.

        Raises:
          ValueError: if there are labels and the model has none, or the other way.
        """
        samples = jnp.asarray(samples)
        check_marks("mask", mask, samples.shape)
        # What comes after a sample changes nothing, so padding needs no mask within.
        samples = zero_masked(mask, samples)
        _, logits = self.layer.apply(self.bind(labels), None, samples.T)
        return zero_masked(mask, jnp.swapaxes(logits, 0, 1))

    def bind(self, labels: Array | None = None) -> Params:
        """Returns the parameters of `layer`, with labels `[B, num_labels]` bound.

        Raises:
          ValueError: if there are labels and the model has none, or the other way.
        """
        params = nnx.as_pure(self.params)
        if (labels is None) != (not self.label_sizes):
            raise ValueError(
                f"labels must be those of sizes {self.label_sizes}, got {labels}."
            )
        if labels is None:
            return params
        return bind_labels(params, labels, self.label_sizes)
