"""The recurrent highway network: several layers, gated, within one step of time."""

import jax
import jax.numpy as jnp
from jax.nn import initializers, sigmoid

from rnnjax.activations import Activation, as_activation
from rnnjax.base import (
    Array,
    Cell,
    Factors,
    Params,
    cached,
    check_positive,
    factored_cell,
    factored_step,
)
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import matmul, split


def recurrent_highway_step(
    params: Params,
    carry: Array,
    inputs: Array,
    *,
    activation: str | Activation = jnp.tanh,
) -> tuple[Array, Array]:
    """Computes one step of a recurrent highway network.

        s₀ = hₜ₋₁, and for the layers l = 1 to L
        aₗ = f(U_a xₜ [l = 1] + W_aₗ sₗ₋₁ + b_aₗ)
        tₗ = σ(U_t xₜ [l = 1] + W_tₗ sₗ₋₁ + b_tₗ)
        cₗ = 1 - tₗ,  or  cₗ = σ(U_c xₜ [l = 1] + W_cₗ sₗ₋₁ + b_cₗ)
        sₗ = aₗ ∘ tₗ + sₗ₋₁ ∘ cₗ
        hₜ = s_L

    The inputs enter the first layer alone. The parts a, t and, unless it is coupled, c
    stand side by side in this order.

    Args:
      params: dict of `kernel` Uᵀ `[input_size, parts * hidden_size]`,
        `recurrent_kernel` Wᵀ `[L, hidden_size, parts * hidden_size]` and, unless left
        out, `bias` b `[L, parts * hidden_size]`, for 2 parts if c is coupled, else 3.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      activation: f, or its name.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Zilly, Srivastava, Koutnik and Schmidhuber, "Recurrent Highway Networks", ICML
      2017, equations 6 to 9, where a is called h; its experiments couple c.
    """
    factors = _factors(as_activation(activation), None)
    return factored_step(factors)(params, carry, inputs)


@cached
def recurrent_highway(
    hidden_size: int,
    *,
    depth: int = 3,
    coupled: bool = True,
    activation: str | Activation = jnp.tanh,
    use_bias: bool = True,
    transform_bias: float = -2.0,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a recurrent highway cell; see `recurrent_highway_step` for the equations.

    The first layer's product is left to the engine; those of the others are computed
    within the loop of time.

    Args:
      hidden_size: width of the carry and of the outputs.
      depth: L, the number of layers in a step.
      coupled: whether c is 1 - t, or a gate with weights of its own.
      activation: f, or its name.
      use_bias: whether there are biases.
      transform_bias: what is added to the initial bias of t in every layer; below 0 it
        starts with the carry passed on.
      kernel_init: initializer of each part's input matrix.
      recurrent_kernel_init: initializer of each part's recurrent matrix in each layer.
      bias_init: initializer of the biases, before `transform_bias` is added.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` or `depth` is not positive, or `activation` is not
        known.

    Example:
      >>> cell = recurrent_highway(4, depth=5)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape
      (4,)
    """
    check_positive(hidden_size=hidden_size, depth=depth)
    parts = 2 if coupled else 3

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 3)
        width = parts * hidden_size
        draw = per_gate(recurrent_kernel_init, parts)
        layers = jax.random.split(keys[1], depth)
        params = {
            "kernel": per_gate(kernel_init, parts)(keys[0], (input_size, width), dtype),
            "recurrent_kernel": jnp.stack(
                [draw(layer, (hidden_size, width), dtype) for layer in layers]
            ),
        }
        if use_bias:
            a, t, *c = split(bias_init(keys[2], (depth, width), dtype), parts)
            params["bias"] = jnp.concatenate([a, t + transform_bias, *c], axis=-1)
        return params

    def initial_carry(params, batch_shape=()):
        return jnp.zeros((*batch_shape, hidden_size), params["kernel"].dtype)

    factors = _factors(as_activation(activation), compute_dtype)
    return factored_cell(init, initial_carry, factors, prepare=_apart)


def _apart(params):
    """Takes the layers apart once, so that no step writes into the whole."""
    stacked = {
        name: params[name] for name in ("recurrent_kernel", "bias") if name in params
    }
    return dict(params) | {name: tuple(x) for name, x in stacked.items()}


@cached
def _factors(activation, compute_dtype):
    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        return drive + params["bias"][0] if "bias" in params else drive

    def recur(params, carry):
        return matmul(carry, params["recurrent_kernel"][0], compute_dtype)

    def update(params, carry, pre):
        s = highway(carry, pre)
        for layer in range(1, len(params["recurrent_kernel"])):
            pre = matmul(s, params["recurrent_kernel"][layer], compute_dtype)
            if "bias" in params:
                pre = pre + params["bias"][layer]
            s = highway(s, pre)
        return s

    def highway(s, pre):
        a, t, *c = split(pre, pre.shape[-1] // s.shape[-1])
        t = sigmoid(t)
        kept = sigmoid(c[0]) if c else 1 - t
        return activation(a) * t + s * kept

    def readout(params, carry, inputs):
        del params, inputs
        return carry

    return Factors(project, recur, update, readout)
