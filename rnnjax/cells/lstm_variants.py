"""The LSTM with gates, peepholes and activations put in or left out."""

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
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import matmul, split


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
    """Computes one step of an LSTM, any of whose parts may be missing or another.

        iₜ = σ(Uᵢ xₜ + Wᵢ hₜ₋₁ + pᵢ ∘ cₜ₋₁ + bᵢ)
        fₜ = σ(U_f xₜ + W_f hₜ₋₁ + p_f ∘ cₜ₋₁ + b_f)
        gₜ = g(U_g xₜ + W_g hₜ₋₁ + b_g)
        cₜ = fₜ ∘ cₜ₋₁ + iₜ ∘ gₜ
        oₜ = σ(Uₒ xₜ + Wₒ hₜ₋₁ + pₒ ∘ cₜ + bₒ)
        hₜ = oₜ ∘ h(cₜ)

    A gate that is left out is open: it is 1. Coupled, the missing one of i and f is
    what the other leaves, iₜ = 1 - fₜ or fₜ = 1 - iₜ. A peephole of the output gate
    sees the new c, the others the old one.

    The gates stand side by side in the order i, f, g, o, without those left out.

    Args:
      params: dict of `kernel` U `[input_size, width]`, `recurrent_kernel` W
        `[hidden_size, width]` and, unless left out, `bias` b `[width]` and the
        peepholes `peephole_i`, `peephole_f`, `peephole_o` `[hidden_size]`, where
        `width` is `hidden_size` for g and for each gate.
      carry: hₜ₋₁ and cₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      gates: those that there are, letters of "ifo".
      coupled: whether one of i and f, left out, is 1 less the other.
      clip: bound on what σ and g are given; None: no bound. It does not bound c.
      gate_activation: σ, or its name.
      activation: g, or its name.
      output_activation: h, or its name.

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
    functions = (gate_activation, activation, output_activation)
    sigma, g, h = map(as_activation, functions)
    factors = _factors(gates, coupled, clip, sigma, g, h, None)
    return factored_step(factors)(params, carry, inputs)


@cached
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
    use_bias: bool = True,
    forget_bias: float = 1.0,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    peephole_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a variant of the LSTM; see `lstm_variant_step` for the equations.

    As it stands it is `lstm`. What the papers call its relatives:

        without forget gate (1997), NFG    gates="io"
        peepholes                          peepholes="ifo"
        coupled gates (CIFG)               gates="io", coupled=True    f = 1 - i
                                           gates="fo", coupled=True    i = 1 - f
        no input gate (NIG)                gates="fo"
        no output gate (NOG)               gates="if"
        no input activation (NIAF)         activation="identity"
        no output activation (NOAF)        output_activation="identity"

    Greff et al. take all of these but NP, "no peepholes", with `peepholes` of the gates
    that are left; their FGR is `lstm_full_gate`.

    Args:
      hidden_size: width of h, of c and of the outputs.
      gates: those that there are, letters of "ifo"; the others are open.
      coupled: whether one of i and f, left out, is 1 less the other.
      peepholes: the gates that see c, letters of `gates`.
      clip: bound on what σ and g are given; None: no bound.
      gate_activation: σ, such as `jax.nn.sigmoid`, or its name.
      activation: g, such as `jnp.tanh`, or its name.
      output_activation: h, such as `jnp.tanh`, or its name.
      use_bias: whether there is a bias.
      forget_bias: what is added to the initial bias of the forget gate, if it has one.
      kernel_init: initializer of each gate's input matrix.
      recurrent_kernel_init: initializer of each gate's recurrent matrix.
      bias_init: initializer of the bias, before `forget_bias` is added.
      peephole_init: initializer of the peepholes.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell, over `LSTMCarry`.

    Raises:
      ValueError: if `hidden_size` or `clip` is not positive, if `gates` or `peepholes`
        hold another letter or one twice, if gates are coupled and not just one of i and
        f is left out, or if an activation is not known.

    Example:
      >>> cell = lstm_variant(4, gates="io", peepholes="o")
      >>> params = cell.init(jax.random.key(0), 3)
      >>> jax.tree.map(jnp.shape, params)  # doctest: +NORMALIZE_WHITESPACE
      {'bias': (12,), 'kernel': (3, 12), 'peephole_o': (4,),
       'recurrent_kernel': (4, 12)}
    """
    check_positive(hidden_size=hidden_size)
    _check_gates(gates, coupled)
    _check_letters("peepholes", peepholes, gates)
    _check_clip(clip)
    functions = (gate_activation, activation, output_activation)
    sigma, g, h = map(as_activation, functions)
    names = _side_by_side(gates)

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 6)
        count, width = len(names), len(names) * hidden_size
        params = {
            "kernel": per_gate(kernel_init, count)(keys[0], (input_size, width), dtype),
            "recurrent_kernel": per_gate(recurrent_kernel_init, count)(
                keys[1], (hidden_size, width), dtype
            ),
        }
        if use_bias:
            biases = split(bias_init(keys[2], (width,), dtype), count)
            params["bias"] = jnp.concatenate(
                [
                    b + forget_bias if name == "f" else b
                    for name, b in zip(names, biases)
                ]
            )
        for name, peephole_key in zip("ifo", keys[3:]):
            if name in peepholes:
                drawn = peephole_init(peephole_key, (hidden_size,), dtype)
                params[f"peephole_{name}"] = drawn
        return params

    def initial_carry(params, batch_shape=()):
        shape, dtype = (*batch_shape, hidden_size), params["recurrent_kernel"].dtype
        return LSTMCarry(h=jnp.zeros(shape, dtype), c=jnp.zeros(shape, dtype))

    factors = _factors(gates, coupled, clip, sigma, g, h, compute_dtype)
    return factored_cell(init, initial_carry, factors)


@cached
def _factors(
    gates, coupled, clip, gate_activation, activation, output_activation, compute_dtype
):
    names = _side_by_side(gates)

    def clipped(x):
        return x if clip is None else jnp.clip(x, -clip, clip)

    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        return drive + params["bias"] if "bias" in params else drive

    def recur(params, carry):
        return matmul(carry.h, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        parts = dict(zip(names, split(pre, len(names))))

        def gate(name, c):
            if name not in parts:
                return 1
            x = parts[name]
            if f"peephole_{name}" in params:
                x = x + params[f"peephole_{name}"] * c
            return gate_activation(clipped(x))

        i, f = gate("i", carry.c), gate("f", carry.c)
        if coupled:
            i, f = (i, 1 - i) if "i" in gates else (1 - f, f)
        c = f * carry.c + i * activation(clipped(parts["g"]))
        return LSTMCarry(h=gate("o", c) * output_activation(c), c=c)

    def readout(params, carry, inputs):
        del params, inputs
        return carry.h

    return Factors(project, recur, update, readout)


def _side_by_side(gates):
    return [name for name in "ifgo" if name == "g" or name in gates]


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
