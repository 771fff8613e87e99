"""Any cell or layer as a Linen module."""

from typing import Any

from flax import linen as nn

from rnnjax.base import Array, Carry, Cell, Layer
from rnnjax.layers.recurrent import as_layer
from rnnjax.models.batch_first import apply_batch_first


class LinenRecurrent(nn.Module):
    """A cell or a layer as a Linen module, batch first.

    For people with Linen code; `rnnjax.models.recurrent.Recurrent` is the same for NNX.

    Its parameters are one entry named `layer` of the collection `params`, in the
    layer's own tree: `variables["params"]["layer"]` is what its functions take.

    Attributes:
      layer: a cell or a layer.
      input_size: width of the inputs, or the size of the vocabulary where they are
        tokens.

    Example:
      >>> module = LinenRecurrent(rnnjax.lstm(4), 3)
      >>> inputs = jax.random.normal(jax.random.key(1), (2, 7, 3))
      >>> variables = module.init(jax.random.key(0), inputs)
      >>> carry, before = module.apply(variables, inputs[:, :5])
      >>> carry, after = module.apply(variables, inputs[:, 5:], carry)
      >>> before.shape, after.shape, carry.h.shape
      ((2, 5, 4), (2, 2, 4), (2, 4))
    """

    layer: Cell | Layer
    input_size: Any

    @nn.compact
    def __call__(
        self,
        inputs: Any,
        carry: Carry | None = None,
        *,
        mask: Array | None = None,
        is_first: Array | None = None,
        key: Array | None = None,
    ) -> tuple[Carry, Any]:
        """Runs over a batch of sequences.

        Args:
          inputs: one array or a tree of arrays `[B, T, ..., input_size]`.
          carry: what the call before returned; None: the initial carry.
          mask: `[B, T, ...batch]` bool, true at real steps; None if all are.
          is_first: `[B, T, ...batch]` bool, true where the carry starts anew.
          key: the source of randomness, for dropout; None: there is none. Chunks of
            one sequence take the same key.

        Returns:
          The carry, and the outputs `[B, T, ...]`, zeros at masked steps.
        """
        layer = as_layer(self.layer)
        params = self.param("layer", layer.init, self.input_size)
        return apply_batch_first(
            layer, params, inputs, carry, mask=mask, is_first=is_first, key=key
        )
