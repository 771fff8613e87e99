"""Handwriting as an NNX module."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from rnnjax.base import Array, Cell, Layer, Params
from rnnjax.layers.handwriting import bind_text, handwriting, window_weights
from rnnjax.losses.bivariate import graves_mixture
from rnnjax.losses.densities import Density
from rnnjax.models.batch_first import apply_batch_first


class Handwriting(nnx.Module):
    """The layer of `handwriting` as an NNX module, batch first.

    Training calls the module; generation binds the text and takes the layer, which is
    time first:

        params = model.bind(text, text_mask=mask)
        drawn = generate(model.layer, params, prompt, num_steps, key,
                         sampler=sample_density(model.density, bias=1.0))

    Attributes:
      layer: the layer as functions, time first.
      params: its parameters, with an `nnx.Param` for every leaf.
      density: of the next offset.
      text_size: number of different characters; None: there is no text.

    Args:
      cells: see `handwriting`.
      density: of offsets and a pen's bit.
      text_size: see `handwriting`.
      num_components: components of the window.
      pace: characters per point, at which the window moves before training.
      rngs: the parameters are drawn from its stream `params`; or a key.

    Raises:
      ValueError: see `handwriting`.

    Example:
      >>> from flax import nnx
      >>> model = Handwriting([rnnjax.lstm(4)] * 2, text_size=6, rngs=nnx.Rngs(0))
      >>> offsets, text = jnp.ones((2, 7, 3)), jnp.array([[5, 0, 1], [2, 2, 3]])
      >>> model(offsets, text).shape, model.window(offsets, text).shape
      ((2, 7, 121), (2, 7, 4))

    References:
      Graves, "Generating Sequences With Recurrent Neural Networks", 2013.
    """

    def __init__(
        self,
        cells: Sequence[Cell | Layer],
        *,
        density: Density | None = None,
        text_size: int | None = None,
        num_components: int = 10,
        pace: float = 0.05,
        rngs: nnx.Rngs | jax.Array,
    ):
        self.density = graves_mixture() if density is None else density
        self.text_size = text_size
        self.num_components = num_components
        self.first_cell = cells[0] if cells else None
        self.layer = handwriting(
            cells,
            self.density.num_outputs,
            text_size=text_size,
            num_components=num_components,
            pace=pace,
        )
        key = rngs.params() if isinstance(rngs, nnx.Rngs) else rngs
        params = self.layer.init(key, 3)
        self.params = nnx.data(jax.tree.map(nnx.Param, params))

    def __call__(
        self,
        offsets: Array,
        text: Array | None = None,
        *,
        mask: Array | None = None,
        text_mask: Array | None = None,
    ) -> Array:
        """Predicts every offset from those before it.

        Args:
          offsets: `[B, T, 3]`: the way from the point before, and whether the pen is
            lifted; those that are predicted, behind a first one.
          text: `[B, S]` int, the characters, for a model of texts.
          mask: `[B, T]` bool, true at real offsets; None if all are.
          text_mask: `[B, S]` bool, true at real characters, which come first; None if
            all are.

        Returns:
          `[B, T, density.num_outputs]`; zeros at masked steps.

        Raises:
          ValueError: if there is a text and the model has none, or the other way.
        """
        params = self.bind(text, text_mask=text_mask)
        return apply_batch_first(self.layer, params, offsets, mask=mask)[1]

    def bind(
        self, text: Array | None = None, *, text_mask: Array | None = None
    ) -> Params:
        """Returns the parameters of `layer`, with the texts `[B, S]` bound, if any.

        Raises:
          ValueError: if there is a text and the model has none, or the other way.
        """
        params = nnx.as_pure(self.params)
        if (text is None) != (self.text_size is None):
            size = self.text_size
            wanted = "None" if size is None else f"characters below {size}"
            raise ValueError(f"text must be {wanted}, got {text}.")
        if text is None or self.text_size is None:
            return params
        text_mask = None if text_mask is None else jnp.asarray(text_mask).T
        return bind_text(params, jnp.asarray(text).T, self.text_size, text_mask)

    def window(
        self,
        offsets: Array,
        text: Array,
        *,
        mask: Array | None = None,
        text_mask: Array | None = None,
    ) -> Array:
        """Computes where the window is at every step, see `window_weights`.

        Returns:
          `[B, T, S + 1]`, batch first as the arguments are.

        Raises:
          ValueError: if the model reads no text.
        """
        if self.text_size is None or self.first_cell is None:
            raise ValueError("text must be None, since the model reads none.")
        weights = window_weights(
            [self.first_cell],
            self.bind(text, text_mask=text_mask),
            jnp.swapaxes(jnp.asarray(offsets), 0, 1),
            text_size=self.text_size,
            num_components=self.num_components,
            mask=None if mask is None else jnp.asarray(mask).T,
        )
        return jnp.swapaxes(weights, 0, 1)
