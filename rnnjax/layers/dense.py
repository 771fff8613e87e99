"""An affine map of each step."""

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.base import Layer, cached, check_positive
from rnnjax.initializers import Initializer
from rnnjax.layers.causal import pointwise
from rnnjax.products import matmul


@cached
def dense(
    output_size: int,
    *,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Layer:
    """Makes a layer y = x K + b, over all steps at once.

    Args:
      output_size: width of the outputs.
      use_bias: whether there is a bias.
      kernel_init: initializer of K.
      bias_init: initializer of b.
      dtype: dtype of the parameters, hence of the outputs.

    Returns:
      The layer, over a dict of `kernel` `[input_size, output_size]` and `bias`
      `[output_size]`.

    Raises:
      ValueError: if `output_size` is not positive.
    """
    check_positive(output_size=output_size)

    def init(key, input_size):
        check_positive(input_size=input_size)
        kernel_key, bias_key = jax.random.split(key)
        params = {"kernel": kernel_init(kernel_key, (input_size, output_size), dtype)}
        if use_bias:
            params["bias"] = bias_init(bias_key, (output_size,), dtype)
        return params

    def affine(params, inputs):
        outputs = matmul(inputs, params["kernel"])
        return outputs + params["bias"] if "bias" in params else outputs

    return pointwise(init, affine)
