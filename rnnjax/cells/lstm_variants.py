"""The LSTM with optional gates, peepholes and other activations."""

from typing import Unpack

import jax
import jax.numpy as jnp
from jax.nn import initializers, sigmoid

from rnnjax.activations import Activation, as_activation
from rnnjax.base import Array, Cell, Params, cached, factored_cell
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.cells.parts.gated import GateBias, gated_factors, gated_init, zero_carry
from rnnjax.cells.parts.peepholes import add_peephole, draw_peepholes
from rnnjax.cells.parts.weights import WeightOptions, Weights, cell_maker
from rnnjax.initializers import Initializer
from rnnjax.products import split


def lstm_variant_step(
    params: Params,
    carry: LSTMCarry,
    inputs: Array,
    *,
    gates: str = "ifo",
    coupled: bool = False,
    clip: float | None = None,
    gate_activation: str | Activation = sigmoid,
    activation: str | Activation = jnp.tanh,
    output_activation: str | Activation = jnp.tanh,
) -> tuple[LSTMCarry, Array]:
    """Computes one step of an LSTM with optional or replaced parts.

        iₜ = σ(Uᵢ xₜ + Wᵢ hₜ₋₁ + pᵢ ∘ cₜ₋₁ + bᵢ)
        fₜ = σ(U_f xₜ + W_f hₜ₋₁ + p_f ∘ cₜ₋₁ + b_f)
        gₜ = g(U_g xₜ + W_g hₜ₋₁ + b_g)
        cₜ = fₜ ∘ cₜ₋₁ + iₜ ∘ gₜ
        oₜ = σ(Uₒ xₜ + Wₒ hₜ₋₁ + pₒ ∘ cₜ + bₒ)
        hₜ = oₜ ∘ h(cₜ)

    A gate that is left out is 1. If i and f are coupled, the missing one follows from
    the other: iₜ = 1 - fₜ or fₜ = 1 - iₜ. The peephole of the output gate takes the new
    c, the others the old one.

    Args:
      params: dict of `kernel` U `[input_size, width]`, `recurrent_kernel` W
        `[hidden_size, width]` and, optionally, `bias` b `[width]` and the peepholes
        `peephole_i`, `peephole_f`, `peephole_o` `[hidden_size]`, where `width` is
        `hidden_size` for g and for each gate, in the order i, f, g, o.
      carry: hₜ₋₁ and cₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      gates: the gates present, letters of "ifo".
      coupled: whether the one of i and f that is left out is 1 minus the other.
      clip: bound on the arguments of σ and g; None: no bound. c is not bounded.
      gate_activation: σ, such as `jax.nn.sigmoid`, or its name.
      activation: g, such as `jnp.tanh`, or its name.
      output_activation: h, such as `jnp.tanh`, or its name.

    Returns:
      The carry of hₜ and cₜ, and the outputs hₜ `[..., hidden_size]`.

    Raises:
      ValueError: if an option is not one of those that `lstm_variant` takes.

    References:
      Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 1997,
      without a forget gate; their g and h are scaled logistic functions. Gers and
      Schmidhuber, "Recurrent Nets that Time and Count", IJCNN 2000, for peepholes.
      Greff et al., "LSTM: A Search Space Odyssey", IEEE Transactions on Neural Networks
      and Learning Systems 2017, section 3, for what may be left out.
    """
    _check_gates(gates, coupled)
    _check_clip(clip)
    sigma, g, h = map(as_activation, (gate_activation, activation, output_activation))
    return _factors(gates, coupled, clip, sigma, g, h).step(params, carry, inputs)


@cell_maker
def lstm_variant(
    hidden_size: int,
    *,
    gates: str = "ifo",
    coupled: bool = False,
    peepholes: str = "",
    clip: float | None = None,
    gate_activation: str | Activation = sigmoid,
    activation: str | Activation = jnp.tanh,
    output_activation: str | Activation = jnp.tanh,
    forget_bias: GateBias = 1.0,
    peephole_init: Initializer = initializers.zeros,
    **weights: Unpack[Weights],
) -> Cell:
    """Makes a variant of the LSTM; see `lstm_variant_step` for the equations.

    With default options it is `lstm`. The variants of the literature:

        without forget gate (1997), NFG    gates="io"
        peepholes                          peepholes="ifo"
        coupled gates (CIFG)               gates="io", coupled=True    f = 1 - i
                                           gates="fo", coupled=True    i = 1 - f
        no input gate (NIG)                gates="fo"
        no output gate (NOG)               gates="if"
        no input activation (NIAF)         activation="identity"
        no output activation (NOAF)        output_activation="identity"

    Greff et al. give peepholes to every gate present, except in NP ("no peepholes");
    their FGR is `lstm_full_gate`.

    Args:
      hidden_size: width of h, of c and of the outputs.
      gates: the gates present, letters of "ifo".
      coupled: whether the one of i and f that is left out is 1 minus the other.
      peepholes: the gates that have a peephole, letters of `gates`.
      clip: bound on the arguments of σ and g; None: no bound.
      gate_activation: σ, such as `jax.nn.sigmoid`, or its name.
      activation: g, such as `jnp.tanh`, or its name.
      output_activation: h, such as `jnp.tanh`, or its name.
      forget_bias: added to the initial bias of the forget gate, if present.
      peephole_init: initializer of the peepholes.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell, over `LSTMCarry`.

    Raises:
      ValueError: if `gates` or `peepholes` contain another letter or one twice, gates
        are coupled and not exactly one of i and f is left out, or `clip` not positive.

    Example: without gates and activations the memory is a sum.
      >>> linear = {"activation": "identity", "output_activation": "identity"}
      >>> cell = lstm_variant(1, gates="", **linear, use_bias=False)
      >>> params = {"kernel": jnp.eye(1), "recurrent_kernel": jnp.zeros((1, 1))}
      >>> carry = cell.initial_carry(params)
      >>> for x in (1.0, 2.0, 3.0):
      ...     carry, outputs = cell.step(params, carry, jnp.array([x]))
      >>> outputs
      Array([6.], dtype=float32)
    """
    _check_gates(gates, coupled)
    _check_letters("peepholes", peepholes, gates)
    _check_clip(clip)
    sigma, g, h = map(as_activation, (gate_activation, activation, output_activation))
    names, biases = _side_by_side(gates), {"f": forget_bias}
    plain = gated_init(hidden_size, names, gate_biases=biases, **weights)
    dtype = WeightOptions(**weights).dtype

    def init(key, input_size):
        keys = jax.random.split(key, 6)[3:]
        drawn = draw_peepholes(keys, peepholes, peephole_init, (hidden_size,), dtype)
        return plain(key, input_size) | drawn

    initial_carry = zero_carry(hidden_size, hidden_size, carry_type=LSTMCarry)
    factors = _factors(gates, coupled, clip, sigma, g, h, weights.get("compute_dtype"))
    return factored_cell(init, initial_carry, factors)


@cached  # cells of equal equations share them: `to_onnx` compares
def _factors(gates, coupled, clip, sigma, g, h, compute_dtype=None):
    names = _side_by_side(gates)

    def clipped(x):
        return x if clip is None else jnp.clip(x, -clip, clip)

    def update(params, carry, pre):
        parts = dict(zip(names, split(pre, len(names))))

        def gate(name, c):
            if name not in parts:
                return 1
            return sigma(clipped(add_peephole(params, name, parts[name], c)))

        i, f = gate("i", carry.c), gate("f", carry.c)
        if coupled:
            i, f = (i, 1 - i) if "i" in gates else (1 - f, f)
        c = f * carry.c + i * g(clipped(parts["g"]))
        return LSTMCarry(h=gate("o", c) * h(c), c=c)

    return gated_factors(update, compute_dtype, shown=lambda carry: carry.h)


def _side_by_side(gates):
    return "".join(name for name in "ifgo" if name == "g" or name in gates)


def _check_letters(argument, letters, allowed):
    if len(set(letters)) < len(letters) or not set(letters) <= set(allowed):
        raise ValueError(
            f"{argument} must be letters of {allowed!r}, each at most once, "
            f"got {letters!r}."
        )


def _check_gates(gates, coupled):
    _check_letters("gates", gates, "ifo")
    if coupled and ("i" in gates) == ("f" in gates):
        raise ValueError(
            "gates must leave out one of i and f where they are coupled, "
            f"got {gates!r}."
        )


def _check_clip(clip):
    if clip is not None and not clip > 0:
        raise ValueError(f"clip must be positive, got {clip}.")
