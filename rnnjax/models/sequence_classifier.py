"""The sequence classifier as an NNX module: one vector of scores per sequence."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from rnnjax.attention.pooling import Pooling
from rnnjax.base import Array, Cell, Layer, check_positive
from rnnjax.layers.dense import dense
from rnnjax.layers.pooling import last_step
from rnnjax.layers.recurrent import as_layer
from rnnjax.layers.stack import abstract_inputs, abstract_outputs, stack
from rnnjax.models.recurrent import Recurrent


class SequenceClassifier(nnx.Module):
    """Layers over a sequence, one vector of their outputs, and an affine map of it.

        h = the layers over the inputs
        y = pooling of hₜ over the real steps t
        scores = K y + b

    The scores are the logits of one label out of `num_outputs`, the logits of that many
    independent labels, or numbers: the loss decides which. The layers may begin with
    `embed` for tokens, or with `one_hot`; features are read as they come.

    Attributes:
      body: the layers, a `Recurrent` over their stack.
      pooling: see below.
      pooling_params: its parameters; None if it has none.
      scores: the affine map.

    Args:
      input_size: width of the inputs, or the size of the vocabulary where they are
        tokens.
      layers: cells and layers, from the inputs on.
      num_outputs: number of scores.
      pooling: a pooling with parameters, such as `additive_pooling(64)`; or a function
        `(outputs, mask) -> [..., size]`: `last_step`, `last_read` for layers of both
        directions, `mean_pool`, `max_pool`; None: every step has scores of its own.
      rngs: the parameters are drawn from its stream `params`.

    Raises:
      ValueError: if there is no layer, or `num_outputs` is not positive.

    Example:
      >>> from flax import nnx
      >>> from rnnjax.attention import additive_pooling
      >>> model = SequenceClassifier(
      ...     9,
      ...     [rnnjax.embed(5), rnnjax.bidirectional(rnnjax.gru(4))],
      ...     num_outputs=3,
      ...     pooling=additive_pooling(6),
      ...     rngs=nnx.Rngs(0),
      ... )
      >>> tokens = jnp.array([[1, 2, 3, 0], [4, 5, 6, 7]])
      >>> mask = jnp.array([[True, True, True, False], [True] * 4])
      >>> model(tokens, mask=mask).shape
      (2, 3)
      >>> bool(jnp.allclose(model.weigh(tokens, mask=mask).sum(axis=1), 1.0))
      True
    """

    def __init__(
        self,
        input_size: Any,
        layers: Sequence[Cell | Layer],
        num_outputs: int,
        *,
        pooling: Pooling | Callable[..., Array] | None = last_step,
        rngs: nnx.Rngs,
    ):
        check_positive(num_outputs=num_outputs)
        body = stack(*map(as_layer, layers))
        self.body = Recurrent(body, input_size, rngs=rngs)
        inputs = abstract_inputs(input_size, body.input_ndim)
        params = nnx.as_pure(self.body.params)
        size = abstract_outputs(body, params, inputs).shape[-1]
        self.pooling = pooling
        self.pooling_params = None
        if isinstance(pooling, Pooling):
            own = pooling.init(rngs.params(), size)
            self.pooling_params = nnx.data(jax.tree.map(nnx.Param, own))
        elif pooling is not None:
            outputs = jax.ShapeDtypeStruct((1, size), jnp.float32)
            size = jax.eval_shape(pooling, outputs).shape[-1]
        self.scores = Recurrent(dense(num_outputs), size, rngs=rngs)

    def __call__(
        self, inputs: Any, *, mask: Array | None = None, key: Array | None = None
    ) -> Array:
        """Scores a batch of sequences.

        Args:
          inputs: `[B, T, ..., input_size]`, or tokens `[B, T]`.
          mask: `[B, T]` bool, true at real steps; None if all are.
          key: the source of randomness, for dropout; None: there is none.

        Returns:
          `[B, num_outputs]`; without pooling `[B, T, num_outputs]`, zeros at masked
          steps. The pooled vector of a sequence without a real step is zeros.
        """
        outputs, time_mask = self._outputs(inputs, mask, key)
        if self.pooling is None:
            return self.scores(jnp.swapaxes(outputs, 0, 1), mask=mask)[1]
        if isinstance(self.pooling, Pooling):
            params = nnx.as_pure(self.pooling_params)
            pooled = self.pooling.apply(params, outputs, time_mask)
        else:
            pooled = self.pooling(outputs, time_mask)
        return self.scores(pooled[:, None])[1][:, 0]

    def weigh(self, inputs: Any, *, mask: Array | None = None) -> Array:
        """Returns the weights of the pooling `[B, T]`, which sum to 1.

        Raises:
          ValueError: if the pooling has no weights.
        """
        if not isinstance(self.pooling, Pooling):
            raise ValueError(f"pooling must have weights, got {self.pooling}.")
        outputs, time_mask = self._outputs(inputs, mask, None)
        params = nnx.as_pure(self.pooling_params)
        return jnp.swapaxes(self.pooling.weigh(params, outputs, time_mask), 0, 1)

    def _outputs(self, inputs, mask, key):
        """Returns the outputs of the layers and the mask, time first."""
        _, outputs = self.body(inputs, mask=mask, key=key)
        time_mask = None if mask is None else jnp.swapaxes(jnp.asarray(mask), 0, 1)
        return jnp.swapaxes(outputs, 0, 1), time_mask
