"""A network that sees a fixed window of inputs, a baseline without recurrence."""

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.base import Cell, Layer, cached, check_positive
from rnnjax.cells.elman import Activation
from rnnjax.initializers import Initializer
from rnnjax.layers.causal import causal_layer
from rnnjax.layers.dense import dense
from rnnjax.layers.recurrent import recurrent
from rnnjax.masking import zero_masked


@cached
def window_mlp(
    window_size: int,
    hidden_size: int,
    *,
    activation: Activation = jnp.tanh,
    kernel_init: Initializer = initializers.lecun_normal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Layer:
    """Makes a layer that sees only the last few inputs.

        hₜ = f([xₜ₋ₙ₊₁ … xₜ] K + b)

    It takes the place of a recurrent cell: `language_model(vocab_size,
    [window_mlp(16, 512)])` reads windows of one-hot vectors or embeddings. Before the
    first input, and before a step that `is_first` marks, the window holds zeros; masked
    steps do not enter it. Embeddings get gradients through the inputs of the current
    chunk only, not through those in its carry.

    Args:
      window_size: n, the number of inputs seen, including the current one.
      hidden_size: width of the outputs.
      activation: f.
      kernel_init: initializer of K.
      bias_init: initializer of b.
      dtype: dtype of the parameters, hence of the carry and the outputs.

    Returns:
      The layer, over a dict of `kernel` K `[window_size * input_size, hidden_size]`,
      rows in order of time, and `bias`; the carry is the window
      `[..., window_size, input_size]`.

    Raises:
      ValueError: if a size is not positive.

    Example:
      >>> layer = window_mlp(5, 4)
      >>> params = layer.init(jax.random.key(0), 3)
      >>> carry, outputs = layer.apply(params, None, jnp.ones((7, 2, 3)))
      >>> carry.shape, outputs.shape
      ((2, 5, 3), (7, 2, 4))

    References:
      Bengio, Ducharme, Vincent and Jauvin, "A Neural Probabilistic Language Model",
      Journal of Machine Learning Research 2003, without the direct connections.
    """
    check_positive(window_size=window_size, hidden_size=hidden_size)
    hidden = dense(
        hidden_size, kernel_init=kernel_init, bias_init=bias_init, dtype=dtype
    )
    window = recurrent(_window(window_size))

    def init(key, input_size):
        check_positive(input_size=input_size)
        return hidden.init(key, window_size * input_size)

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        del key
        carry, windows = window.apply(
            params, carry, inputs, mask=mask, is_first=is_first
        )
        _, pre = hidden.apply(params, None, windows)
        return carry, zero_masked(mask, activation(pre))

    return causal_layer(init, window.initial_carry, apply)


@cached
def _window(window_size):
    """Makes a cell whose carry and outputs are its last inputs.

    It multiplies nothing, so that the product is computed for all steps at once.
    """

    def initial_carry(params, batch_shape=()):
        kernel = params["kernel"]
        input_size = kernel.shape[0] // window_size
        return jnp.zeros((*batch_shape, window_size, input_size), kernel.dtype)

    def step(params, carry, inputs):
        del params
        if inputs.shape[-1] != carry.shape[-1]:
            raise ValueError(
                f"inputs must have a last axis of {carry.shape[-1]}, "
                f"got shape {inputs.shape}."
            )
        newest = inputs[..., None, :].astype(carry.dtype)
        carry = jnp.concatenate([carry[..., 1:, :], newest], axis=-2)
        return carry, carry.reshape(*carry.shape[:-2], -1)

    return Cell(_no_init, initial_carry, step)


def _no_init(key, input_size):
    del key, input_size
    return {}
