"""Any cell or layer as an NNX module."""

from typing import Any

import jax
from flax import nnx

from rnnjax.base import Array, Carry, Cell, Layer
from rnnjax.layers.recurrent import as_layer
from rnnjax.models.batch_first import apply_batch_first


class Recurrent(nnx.Module):
    """A cell or a layer as an NNX module, batch first.

    The module keeps no carry: it is given and returned, so the module is a function
    under every transformation of JAX. For training on small networks split it once and
    use `jax.jit`; `nnx.jit` walks the module at every call, which takes longer than
    such a network does.

    Attributes:
      layer: the layer, time first.
      params: its parameters in the layer's own tree, every leaf an `nnx.Param`;
        `nnx.as_pure(module.params)` is what the functions of `layer` take.

    Args:
      layer: a cell or a layer.
      input_size: width of the inputs, or the size of the vocabulary where they are
        tokens.
      rngs: the parameters are drawn from its stream `params`.

    Raises:
      ValueError: if `layer` is neither a cell nor a layer.

    Example:
      A sequence at once, and the same in two parts with the carry handed on:

      >>> from flax import nnx
      >>> module = Recurrent(rnnjax.lstm(4), 3, rngs=nnx.Rngs(0))
      >>> inputs = jax.random.normal(jax.random.key(1), (2, 7, 3))
      >>> carry, outputs = module(inputs)
      >>> carry_before, before = module(inputs[:, :5])
      >>> carry_after, after = module(inputs[:, 5:], carry_before)
      >>> bool(jnp.allclose(jnp.concatenate([before, after], axis=1), outputs))
      True
      >>> bool(jnp.allclose(carry_after.c, carry.c))
      True
    """

    def __init__(self, layer: Cell | Layer, input_size: Any, *, rngs: nnx.Rngs):
        self.layer = as_layer(layer)
        params = self.layer.init(rngs.params(), input_size)
        self.params = nnx.data(jax.tree.map(nnx.Param, params))

    def initial_carry(self, batch_shape: tuple[int, ...]) -> Carry:
        """Returns the carry that None stands for.

        A loop under `jax.jit` that begins with it compiles once, where one that begins
        with None compiles again at the second chunk.

        Args:
          batch_shape: `(B,)`, or more batch axes.
        """
        return self.layer.initial_carry(nnx.as_pure(self.params), batch_shape)

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
        return apply_batch_first(
            self.layer,
            nnx.as_pure(self.params),
            inputs,
            carry,
            mask=mask,
            is_first=is_first,
            key=key,
        )
