"""The LSTM with exponential gates and a normalizer."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import export
from jax.nn import initializers, log_sigmoid, sigmoid

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


class SLSTMCarry(NamedTuple):
    """The carry of an sLSTM.

    Attributes:
      h: `[..., hidden_size]`, what the cell shows.
      c: `[..., hidden_size]`, what it keeps, over exp(m).
      n: `[..., hidden_size]`, the sum of the gates by which c was weighted, over
        exp(m).
      m: `[..., hidden_size]`, logarithm of the scale of c and n.
    """

    h: Array
    c: Array
    n: Array
    m: Array


export.register_namedtuple_serialization(
    SLSTMCarry, serialized_name="rnnjax.SLSTMCarry"
)


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

    An exponential overflows soon, so c and n are kept over exp(mₜ), which h = o c / n
    does not see:

        mₜ = max(log fₜ + mₜ₋₁, ĩₜ)
        fₜ' = exp(log fₜ + mₜ₋₁ - mₜ),  iₜ' = exp(ĩₜ - mₜ)

    in place of f and i; one of them is 1, so n cannot vanish. Where nothing is kept
    yet, n = 0, it has no scale either, and mₜ = ĩₜ.

    The gates stand side by side in the order i, f, z, o. With several heads W is
    block-diagonal: each head sees its own part of h.

    Args:
      params: dict of `kernel` U `[input_size, 4 * hidden_size]`, `recurrent_kernel` W
        `[hidden_size // num_heads, 4 * hidden_size]`, head by head the gates of each,
        and, unless left out, `bias` b `[4 * hidden_size]`.
      carry: hₜ₋₁, cₜ₋₁, nₜ₋₁ and mₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      num_heads: number of blocks of W.
      exponential_forget: whether f is exp, not σ.

    Returns:
      The carry of hₜ, cₜ, nₜ and mₜ, and the outputs hₜ `[..., hidden_size]`.

    References:
      Beck et al., "xLSTM: Extended Long Short-Term Memory", NeurIPS 2024, equations 8
      to 17. The cell alone: without the convolution, the group normalization and the
      projections of their blocks.
    """
    factors = _factors(num_heads, exponential_forget, None)
    return factored_step(factors)(params, carry, inputs)


@cached
def slstm(
    hidden_size: int,
    *,
    num_heads: int = 1,
    exponential_forget: bool = False,
    use_bias: bool = True,
    forget_bias: float = 1.0,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes an sLSTM cell; see `slstm_step` for the equations.

    Args:
      hidden_size: width of h, c, n and m and of the outputs.
      num_heads: number of parts of h that do not see each other.
      exponential_forget: whether the forget gate is exp, not σ.
      use_bias: whether there is a bias.
      forget_bias: what is added to the initial bias of the forget gate.
      kernel_init: initializer of each gate's input matrix.
      recurrent_kernel_init: initializer of each head's recurrent matrix of each gate.
      bias_init: initializer of the bias, before `forget_bias` is added.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell, over `SLSTMCarry`.

    Raises:
      ValueError: if `hidden_size` or `num_heads` is not positive, or the one is not a
        multiple of the other.

    Example:
      >>> cell = slstm(4, num_heads=2)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape, carry.n.shape, params["recurrent_kernel"].shape
      ((4,), (4,), (2, 16))
    """
    check_positive(hidden_size=hidden_size, num_heads=num_heads)
    if hidden_size % num_heads:
        raise ValueError(
            f"hidden_size must be a multiple of num_heads {num_heads}, "
            f"got {hidden_size}."
        )

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 3)
        width = 4 * hidden_size
        params = {
            "kernel": per_gate(kernel_init, 4)(keys[0], (input_size, width), dtype),
            "recurrent_kernel": per_gate(recurrent_kernel_init, 4 * num_heads)(
                keys[1], (hidden_size // num_heads, width), dtype
            ),
        }
        if use_bias:
            i, f, z, o = split(bias_init(keys[2], (width,), dtype), 4)
            params["bias"] = jnp.concatenate([i, f + forget_bias, z, o])
        return params

    def initial_carry(params, batch_shape=()):
        shape, dtype = (*batch_shape, hidden_size), params["recurrent_kernel"].dtype
        return SLSTMCarry(*[jnp.zeros(shape, dtype) for _ in SLSTMCarry._fields])

    factors = _factors(num_heads, exponential_forget, compute_dtype)
    return factored_cell(init, initial_carry, factors)


@cached
def _factors(num_heads, exponential_forget, compute_dtype):
    """A pre-activation is (i, f, z, o)."""

    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        return split(drive + params["bias"] if "bias" in params else drive, 4)

    def recur(params, carry):
        blocks = split(params["recurrent_kernel"], num_heads)
        heads = split(carry.h, num_heads)
        pulls = [
            split(matmul(head, block, compute_dtype), 4)
            for head, block in zip(heads, blocks)
        ]
        return [jnp.concatenate(parts, axis=-1) for parts in zip(*pulls)]

    def update(params, carry, pre):
        del params
        i, f, z, o = pre
        kept = (f if exponential_forget else log_sigmoid(f)) + carry.m
        kept = jnp.where(carry.n == 0, i, kept)  # an empty c has no scale of its own
        m = jnp.maximum(i, kept)
        forget, enter = jnp.exp(kept - m), jnp.exp(i - m)
        c = forget * carry.c + enter * jnp.tanh(z)
        n = forget * carry.n + enter
        return SLSTMCarry(h=sigmoid(o) * c / n, c=c, n=n, m=m)

    def readout(params, carry, inputs):
        del params, inputs
        return carry.h

    return Factors(project, recur, update, readout)
