"""Normalization over the features of every step."""

import jax
import jax.numpy as jnp

from rnnjax.base import Layer, cached, check_positive
from rnnjax.cells.parts.normalization import layer_norm as cells_layer_norm
from rnnjax.layers.causal import pointwise


@cached
def layer_norm(
    *,
    use_bias: bool = True,
    epsilon: float = 1e-5,
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Layer:
    """Makes a layer that normalizes each step over its features.

        y = s ∘ (x - μ) / √(σ² + ε) + b

    where μ and σ² are the mean and the variance over the features of one step, computed
    in float32 or more.

    Args:
      use_bias: whether there is a bias b.
      epsilon: ε, added to the variance so that equal features stay finite.
      dtype: dtype of the parameters, hence of the outputs.

    Returns:
      The layer, over a dict of `scale` s and `bias` b, `[input_size]`, initially
      ones and zeros.

    Raises:
      ValueError: if `epsilon` is not positive.

    References:
      Ba, Kiros and Hinton, "Layer Normalization", 2016, equation 4, with ε added.
    """
    if not epsilon > 0:
        raise ValueError(f"epsilon must be positive, got {epsilon}.")

    def init(key, input_size):
        del key
        check_positive(input_size=input_size)
        params = {"scale": jnp.ones(input_size, dtype)}
        if use_bias:
            params["bias"] = jnp.zeros(input_size, dtype)
        return params

    def normalize(params, inputs):
        scale = params["scale"]
        wide = jnp.promote_types(scale.dtype, jnp.float32)
        outputs = cells_layer_norm(inputs.astype(wide), scale.astype(wide), epsilon)
        outputs = outputs.astype(scale.dtype)
        return outputs + params["bias"] if "bias" in params else outputs

    return pointwise(init, normalize)
