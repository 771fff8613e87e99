"""The LSTM with exponential gates and a normalizer."""

from typing import NamedTuple, Unpack

import jax
import jax.numpy as jnp
from jax.nn import log_sigmoid, sigmoid

from rnnjax.base import (
    Array,
    Cell,
    Factors,
    Params,
    check_positive,
    factored_cell,
    serializable,
)
from rnnjax.cells.parts.gated import (
    GateBias,
    driven,
    gated_init,
    readout_of,
    zero_carry,
)
from rnnjax.cells.parts.weights import WeightOptions, Weights, cell_maker
from rnnjax.initializers import per_gate
from rnnjax.products import matmul, split


@serializable
class SLSTMCarry(NamedTuple):
    """The carry of an sLSTM.

    Attributes:
      h: `[..., hidden_size]`, the outputs.
      c: `[..., hidden_size]`, the memory, divided by exp(m).
      n: `[..., hidden_size]`, the sum of the weights in c, divided by exp(m).
      m: `[..., hidden_size]`, logarithm of the scale of c and n.
    """

    h: Array
    c: Array
    n: Array
    m: Array


def slstm_step(
    params: Params,
    carry: SLSTMCarry,
    inputs: Array,
    *,
    num_heads: int = 1,
    exponential_forget: bool = False,
) -> tuple[SLSTMCarry, Array]:
    """Computes one step of an sLSTM.

        iₜ = exp(ĩₜ)                 ĩₜ = Uᵢ xₜ + Wᵢ hₜ₋₁ + bᵢ
        fₜ = σ(f̃ₜ) or exp(f̃ₜ)        f̃ₜ = U_f xₜ + W_f hₜ₋₁ + b_f
        zₜ = tanh(U_z xₜ + W_z hₜ₋₁ + b_z)
        oₜ = σ(Uₒ xₜ + Wₒ hₜ₋₁ + bₒ)
        cₜ = fₜ ∘ cₜ₋₁ + iₜ ∘ zₜ
        nₜ = fₜ ∘ nₜ₋₁ + iₜ
        hₜ = oₜ ∘ cₜ / nₜ

    Exponentials overflow easily, so c and n are stored divided by exp(mₜ), which
    cancels in c / n. The equations above then use

        mₜ = max(log fₜ + mₜ₋₁, ĩₜ)
        fₜ' = exp(log fₜ + mₜ₋₁ - mₜ),  iₜ' = exp(ĩₜ - mₜ)

    in place of f and i; one of them is 1, so n cannot vanish. While the memory is
    empty, n = 0, it has no scale, and mₜ = ĩₜ.

    With several heads W is block-diagonal: each head sees its own part of h.

    Args:
      params: dict of `kernel` U `[input_size, 4 * hidden_size]`, `recurrent_kernel` W
        `[hidden_size // num_heads, 4 * hidden_size]`, with the gates of each head side
        by side, and, optionally, `bias` b `[4 * hidden_size]`; gates in the order i, f,
        z, o.
      carry: hₜ₋₁, cₜ₋₁, nₜ₋₁ and mₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      num_heads: number of blocks of W.
      exponential_forget: whether f is exp instead of σ.

    Returns:
      The carry of hₜ, cₜ, nₜ and mₜ, and the outputs hₜ `[..., hidden_size]`.

    References:
      Beck et al., "xLSTM: Extended Long Short-Term Memory", NeurIPS 2024, equations 8
      to 17. The cell only, without the convolution, the group normalization and the
      projections of their blocks.
    """
    return _factors(num_heads, exponential_forget).step(params, carry, inputs)


@cell_maker
def slstm(
    hidden_size: int,
    *,
    num_heads: int = 1,
    exponential_forget: bool = False,
    forget_bias: GateBias = 1.0,
    **weights: Unpack[Weights],
) -> Cell:
    """Makes an sLSTM cell; see `slstm_step` for the equations.

    Args:
      hidden_size: width of h, c, n and m and of the outputs.
      num_heads: number of parts of h that do not see each other.
      exponential_forget: whether the forget gate is exp instead of σ.
      forget_bias: added to the initial bias of the forget gate.
      **weights: options of the parameters, see `Weights`; recurrent matrices are drawn
        head by head.

    Returns:
      The cell, over `SLSTMCarry`.

    Raises:
      ValueError: if `hidden_size` is not a multiple of `num_heads`.

    Example: h is a weighted mean of values in [-1, 1], so it stays in there, although
      the gates are exponentials of a large number.
      >>> cell = slstm(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry = cell.initial_carry(params)
      >>> for _ in range(3):
      ...     carry, outputs = cell.step(params, carry, 1e4 * jnp.ones(3))
      >>> bool(jnp.all(jnp.abs(outputs) <= 1))
      True
    """
    check_positive(hidden_size=hidden_size, num_heads=num_heads)
    if hidden_size % num_heads:
        raise ValueError(
            f"hidden_size must be a multiple of num_heads {num_heads}, "
            f"got {hidden_size}."
        )

    biases = {"f": forget_bias}
    plain = gated_init(hidden_size, "ifzo", recurrent="", gate_biases=biases, **weights)
    options = WeightOptions(**weights)

    def init(key, input_size):
        draw = per_gate(options.recurrent_kernel_init, 4 * num_heads)
        shape = (hidden_size // num_heads, 4 * hidden_size)
        recurrent = draw(jax.random.split(key, 3)[1], shape, options.dtype)
        return plain(key, input_size) | {"recurrent_kernel": recurrent}

    initial_carry = zero_carry(*[hidden_size] * 4, carry_type=SLSTMCarry)
    factors = _factors(num_heads, exponential_forget, options.compute_dtype)
    return factored_cell(init, initial_carry, factors)


def _factors(num_heads, exponential_forget, compute_dtype=None):
    """A pre-activation is (i, f, z, o)."""

    def project(params, inputs):
        return split(driven(params, inputs, compute_dtype), 4)

    def recur(params, carry):
        blocks = split(params["recurrent_kernel"], num_heads)
        heads = split(carry.h, num_heads)
        pulls = [
            split(matmul(head, block, compute_dtype), 4)
            for head, block in zip(heads, blocks)
        ]
        return [jnp.concatenate(parts, axis=-1) for parts in zip(*pulls)]

    def update(params, carry, pre):
        i, f, z, o = pre
        kept = (f if exponential_forget else log_sigmoid(f)) + carry.m
        kept = jnp.where(carry.n == 0, i, kept)  # an empty memory has no scale
        m = jnp.maximum(i, kept)
        forget, enter = jnp.exp(kept - m), jnp.exp(i - m)
        c = forget * carry.c + enter * jnp.tanh(z)
        n = forget * carry.n + enter
        return SLSTMCarry(h=sigmoid(o) * c / n, c=c, n=n, m=m)

    return Factors(project, recur, update, readout_of(lambda carry: carry.h))
