"""A causal convolution over time."""

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.base import Layer, cached, check_positive
from rnnjax.initializers import Initializer
from rnnjax.layers.causal import causal_layer, check_steps
from rnnjax.masking import pad_time, zero_masked
from rnnjax.parameters import check_params
from rnnjax.placement import place_like
from rnnjax.products import matmul


@cached
def causal_convolution(
    window: int,
    output_size: int | None = None,
    *,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Layer:
    """Makes a convolution over the last `window` steps.

        yₜ = Σₖ xₜ₋ₖ Kₖ + b,   k = 0 ... window - 1

    Masked steps, and steps before the start of a sequence, count as zeros.

    Args:
      window: number of steps read, the current one included.
      output_size: width of the outputs; None: that of the inputs.
      use_bias: whether there is a bias.
      kernel_init: initializer of all K at once, `[window * input_size, output_size]`.
      bias_init: initializer of b.
      dtype: dtype of the parameters, hence of the carry and the outputs.

    Returns:
      The layer, over a dict of `kernel` `[window, input_size, output_size]`, that of
      the current step first, and `bias` `[output_size]`. Its carry is the previous
      inputs `[window - 1, ...batch, input_size]`, the latest last.

    Raises:
      ValueError: if a size is not positive.

    Example:
      >>> layer = causal_convolution(2, use_bias=False)
      >>> params = {"kernel": jnp.array([[[1.0]], [[10.0]]])}
      >>> layer.apply(params, None, jnp.arange(1.0, 5.0)[:, None])[1].ravel()
      Array([ 1., 12., 23., 34.], dtype=float32)
    """
    check_positive(window=window)
    if output_size is not None:
        check_positive(output_size=output_size)

    def init(key, input_size):
        check_positive(input_size=input_size)
        width = input_size if output_size is None else output_size
        kernel_key, bias_key = jax.random.split(key)
        kernel = kernel_init(kernel_key, (window * input_size, width), dtype)
        params = {"kernel": kernel.reshape(window, input_size, width)}
        if use_bias:
            params["bias"] = bias_init(bias_key, (width,), dtype)
        return params

    def initial_carry(params, batch_shape=()):
        kernel = params["kernel"]
        return jnp.zeros((window - 1, *batch_shape, kernel.shape[1]), kernel.dtype)

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        del key
        inputs = jnp.asarray(inputs)
        check_steps(inputs, mask, is_first, 1)
        check_params(init, params, inputs)
        num_steps, *batch, _ = inputs.shape
        kernel = params["kernel"]
        inputs = zero_masked(mask, inputs).astype(kernel.dtype)
        if carry is None:
            carry = initial_carry(params, tuple(batch))
        steps = jnp.concatenate([place_like(carry, inputs), inputs])
        taps = [steps[window - 1 - k :][:num_steps] for k in range(window)]
        carry = steps[num_steps:]
        if is_first is not None:
            of = pad_time(
                jnp.cumsum(is_first, axis=0), window - 1, 0
            )  # index of the sequence
            taps = [
                zero_masked(of[window - 1 - k :][:num_steps] == of[window - 1 :], tap)
                for k, tap in enumerate(taps)
            ]
            carry = zero_masked(of[num_steps:] == of[-1:], carry)
        rows = kernel.reshape(-1, kernel.shape[-1])
        outputs = matmul(jnp.concatenate(taps, axis=-1), rows)
        if "bias" in params:
            outputs += params["bias"]
        return carry, zero_masked(mask, outputs)

    return causal_layer(init, initial_carry, apply)
