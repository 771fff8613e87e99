"""The recurrent highway network: several gated layers within one step of time."""

from typing import Unpack

import jax
import jax.numpy as jnp
from jax.nn import sigmoid

from rnnjax.activations import Activation, as_activation
from rnnjax.base import Array, Cell, Factors, Params, check_positive, factored_cell
from rnnjax.cells.parts.gated import (
    GateBias,
    carry_as_output,
    gated_init,
    zero_carry,
)
from rnnjax.cells.parts.weights import WeightOptions, Weights, cell_maker
from rnnjax.initializers import per_gate
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

    The inputs enter the first layer only.

    Args:
      params: dict of `kernel` U `[input_size, parts * hidden_size]`, `recurrent_kernel`
        W `[L, hidden_size, parts * hidden_size]` and, optionally, `bias` b
        `[L, parts * hidden_size]`, where the 2 parts are a, t if c is coupled, else the
        3 parts a, t, c.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      activation: f, or its name.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Zilly, Srivastava, Koutnik and Schmidhuber, "Recurrent Highway Networks", ICML
      2017, equations 6 to 9, where a is called h; its experiments couple c.
    """
    return _factors(as_activation(activation)).step(params, carry, inputs)


@cell_maker
def recurrent_highway(
    hidden_size: int,
    *,
    depth: int = 3,
    coupled: bool = True,
    activation: str | Activation = jnp.tanh,
    transform_bias: GateBias = -2.0,
    **weights: Unpack[Weights],
) -> Cell:
    """Makes a recurrent highway cell; see `recurrent_highway_step` for the equations.

    Engines may compute the first layer's product with the inputs for all steps at once;
    the products of the other layers are computed inside the loop over time.

    Args:
      hidden_size: width of the carry and of the outputs.
      depth: L, the number of layers per step.
      coupled: whether c is 1 - t, or a gate with weights of its own.
      activation: f, or its name.
      transform_bias: added to the initial bias of t in every layer; below 0 most of the
        carry passes through at first.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Example: closed transform gates pass the carry through all layers.
      >>> cell = recurrent_highway(3, depth=10, transform_bias=-100.0)
      >>> params = rnnjax.prepared(cell, cell.init(jax.random.key(0), 2))
      >>> cell.step(params, jnp.array([1.0, 2.0, 3.0]), jnp.ones(2))[0]
      Array([1., 2., 3.], dtype=float32)
    """
    check_positive(hidden_size=hidden_size, depth=depth)
    options = WeightOptions(**weights)
    parts = "at" if coupled else "atc"
    plain = gated_init(
        hidden_size,
        parts,
        recurrent="",
        gate_biases={"t": transform_bias},
        bias_shape=(depth,),
        **weights,
    )

    def init(key, input_size):
        draw = per_gate(options.recurrent_kernel_init, len(parts))
        shape = (hidden_size, len(parts) * hidden_size)
        keys = jax.random.split(jax.random.split(key, 3)[1], depth)
        layers = [draw(layer, shape, options.dtype) for layer in keys]
        return plain(key, input_size) | {"recurrent_kernel": jnp.stack(layers)}

    factors = _factors(as_activation(activation), options.compute_dtype)
    return factored_cell(init, zero_carry(hidden_size), factors, prepare=_apart)


def _apart(params):
    """Unstacks the layers, so that gradients are not accumulated in the whole stack."""
    stacked = params.keys() & {"recurrent_kernel", "bias"}
    return dict(params) | {name: tuple(params[name]) for name in stacked}


def _factors(activation, compute_dtype=None):
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

    return Factors(project, recur, update, carry_as_output)
