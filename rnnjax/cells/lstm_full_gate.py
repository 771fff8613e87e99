"""The LSTM whose gates see the gates of the step before."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import export
from jax.nn import initializers, sigmoid

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


class LSTMFullGateCarry(NamedTuple):
    """The carry of an LSTM with full gate recurrence.

    Attributes:
      h: `[..., hidden_size]`, what the cell shows.
      c: `[..., hidden_size]`, what it keeps.
      gates: `[..., 3 * hidden_size]`, i, f and o side by side.
    """

    h: Array
    c: Array
    gates: Array


export.register_namedtuple_serialization(
    LSTMFullGateCarry, serialized_name="rnnjax.LSTMFullGateCarry"
)


def lstm_full_gate_step(
    params: Params, carry: LSTMFullGateCarry, inputs: Array
) -> tuple[LSTMFullGateCarry, Array]:
    """Computes one step of an LSTM with full gate recurrence.

        aₜ = [iₜ, fₜ, oₜ]
        iₜ = σ(Uᵢ xₜ + Wᵢ hₜ₋₁ + Rᵢ aₜ₋₁ + pᵢ ∘ cₜ₋₁ + bᵢ)
        fₜ = σ(U_f xₜ + W_f hₜ₋₁ + R_f aₜ₋₁ + p_f ∘ cₜ₋₁ + b_f)
        gₜ = tanh(U_g xₜ + W_g hₜ₋₁ + b_g)
        cₜ = fₜ ∘ cₜ₋₁ + iₜ ∘ gₜ
        oₜ = σ(Uₒ xₜ + Wₒ hₜ₋₁ + Rₒ aₜ₋₁ + pₒ ∘ cₜ + bₒ)
        hₜ = oₜ ∘ tanh(cₜ)

    The gates stand side by side in the order i, f, g, o, in R without g.

    Args:
      params: dict of `kernel` U `[input_size, 4 * hidden_size]`, `recurrent_kernel` W
        `[hidden_size, 4 * hidden_size]`, `gate_kernel` R
        `[3 * hidden_size, 3 * hidden_size]` and, unless left out, `bias` b
        `[4 * hidden_size]` and the peepholes `peephole_i`, `peephole_f`, `peephole_o`
        `[hidden_size]`.
      carry: hₜ₋₁, cₜ₋₁ and aₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      The carry of hₜ, cₜ and aₜ, and the outputs hₜ `[..., hidden_size]`.

    References:
      Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 1997;
      Greff et al., "LSTM: A Search Space Odyssey", IEEE Transactions on Neural Networks
      and Learning Systems 2017, section 3, "FGR".
    """
    return factored_step(_factors(None))(params, carry, inputs)


@cached
def lstm_full_gate(
    hidden_size: int,
    *,
    use_peepholes: bool = False,
    use_bias: bool = True,
    forget_bias: float = 1.0,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    peephole_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes an LSTM cell with full gate recurrence; see `lstm_full_gate_step`.

    Args:
      hidden_size: width of h, of c and of the outputs.
      use_peepholes: whether the gates see c, as those of Greff et al. do.
      use_bias: whether there is a bias.
      forget_bias: what is added to the initial bias of the forget gate.
      kernel_init: initializer of each gate's input matrix.
      recurrent_kernel_init: initializer of each gate's recurrent matrices.
      bias_init: initializer of the bias, before `forget_bias` is added.
      peephole_init: initializer of the peepholes.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell, over `LSTMFullGateCarry`; before the first step all gates are 0.

    Raises:
      ValueError: if `hidden_size` is not positive.

    Example:
      >>> cell = lstm_full_gate(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape, carry.gates.shape
      ((4,), (12,))
    """
    check_positive(hidden_size=hidden_size)

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 7)
        width = 4 * hidden_size
        params = {
            "kernel": per_gate(kernel_init, 4)(keys[0], (input_size, width), dtype),
            "recurrent_kernel": per_gate(recurrent_kernel_init, 4)(
                keys[1], (hidden_size, width), dtype
            ),
            "gate_kernel": per_gate(recurrent_kernel_init, 3)(
                keys[2], (3 * hidden_size, 3 * hidden_size), dtype
            ),
        }
        if use_bias:
            i, f, g, o = split(bias_init(keys[3], (width,), dtype), 4)
            params["bias"] = jnp.concatenate([i, f + forget_bias, g, o])
        if use_peepholes:
            for name, peephole_key in zip("ifo", keys[4:]):
                params[f"peephole_{name}"] = peephole_init(
                    peephole_key, (hidden_size,), dtype
                )
        return params

    def initial_carry(params, batch_shape=()):
        dtype = params["recurrent_kernel"].dtype
        h, c, gates = (
            jnp.zeros((*batch_shape, width), dtype)
            for width in (hidden_size, hidden_size, 3 * hidden_size)
        )
        return LSTMFullGateCarry(h, c, gates)

    return factored_cell(init, initial_carry, _factors(compute_dtype))


@cached
def _factors(compute_dtype):
    """A pre-activation is [i, f, g, o]."""

    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        return split(drive + params["bias"] if "bias" in params else drive, 4)

    def recur(params, carry):
        pull = matmul(carry.h, params["recurrent_kernel"], compute_dtype)
        of_gates = matmul(carry.gates, params["gate_kernel"], compute_dtype)
        (i, f, g, o), (di, df, do) = split(pull, 4), split(of_gates, 3)
        return [i + di, f + df, g, o + do]

    def update(params, carry, pre):
        i, f, g, o = pre
        if "peephole_i" in params:
            i = i + params["peephole_i"] * carry.c
            f = f + params["peephole_f"] * carry.c
        i, f = sigmoid(i), sigmoid(f)
        c = f * carry.c + i * jnp.tanh(g)
        if "peephole_o" in params:
            o = o + params["peephole_o"] * c
        o = sigmoid(o)
        gates = jnp.concatenate([i, f, o], axis=-1)
        return LSTMFullGateCarry(h=o * jnp.tanh(c), c=c, gates=gates)

    def readout(params, carry, inputs):
        del params, inputs
        return carry.h

    return Factors(project, recur, update, readout)
