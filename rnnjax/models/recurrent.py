"""Any cell or layer as an NNX module."""

from typing import Any

import jax
from flax import nnx

from rnnjax.base import Array, Carry, Cell, Layer
from rnnjax.layers.recurrent import as_layer
from rnnjax.models.batch_first import apply_batch_first


class Recurrent(nnx.Module):
    """A cell or a layer as an NNX module, batch first.

    The carry is an argument and a result, not a state of the module, so the module is a
    pure function under every transformation of JAX. To train a small network, split the
    module once and use `jax.jit`: `nnx.jit` traverses the module at every call, which
    takes longer than such a network itself.

    Attributes:
      layer: the layer as functions, time first.
      params: its parameters, the pytree of `layer.init` with an `nnx.Param` for every
        leaf. The functions of `layer` take `nnx.as_pure(module.params)`:
        `module.layer.apply(nnx.as_pure(module.params), carry, inputs)` is the call of
        the module with the axes of batch and time swapped.

    Args:
      layer: a cell or a layer.
      input_size: width of the inputs, or the size of the vocabulary where they are
        tokens.
      rngs: the parameters are drawn from its stream `params`; or a key, with which they
        are those of `layer.init(key, input_size)`.

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

    def __init__(
        self, layer: Cell | Layer, input_size: Any, *, rngs: nnx.Rngs | jax.Array
    ):
        self.layer = as_layer(layer)
        key = rngs.params() if isinstance(rngs, nnx.Rngs) else rngs
        params = self.layer.init(key, input_size)
        self.params = nnx.data(jax.tree.map(nnx.Param, params))

    def initial_carry(self, batch_shape: tuple[int, ...]) -> Carry:
        """Returns the carry that None stands for.

        A jitted loop that starts with it compiles once; one that starts with None
        compiles again for the second chunk.

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
