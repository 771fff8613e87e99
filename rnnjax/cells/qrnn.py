"""The quasi-recurrent network: a convolution over time followed by gated pooling."""

from typing import Unpack

import jax
import jax.numpy as jnp
from jax.nn import sigmoid

from rnnjax.base import Array, Cell, Factors, Params, check_positive, factored_cell
from rnnjax.cells.parts.gated import driven, gated_init, readout_of
from rnnjax.cells.parts.weights import InputWeights, cell_maker
from rnnjax.products import matmul, split

POOLINGS = {"f": "f", "fo": "fo", "ifo": "fio"}  # the gates after the candidate


def qrnn_step(
    params: Params, carry: dict, inputs: Array, *, pooling: str = "fo"
) -> tuple[dict, Array]:
    """Computes one step of a quasi-recurrent network with fo-pooling.

        zₜ = tanh(W_z * x)ₜ,  fₜ = σ(W_f * x)ₜ,  oₜ = σ(Wₒ * x)ₜ
        cₜ = fₜ ∘ cₜ₋₁ + (1 - fₜ) ∘ zₜ
        hₜ = oₜ ∘ cₜ

    (W * x)ₜ = W₀ xₜ + W₁ xₜ₋₁ + ... + b is a causal convolution over k inputs. With
    f-pooling there is no o, and h = c; with ifo-pooling an input gate i replaces 1 - f.

    Args:
      params: dict of `kernel` W₀ `[input_size, parts * hidden_size]`, for k > 1
        `window_kernel` W₁, W₂, ... `[(k - 1) * input_size, parts * hidden_size]`, and,
        optionally, `bias` b `[parts * hidden_size]`; parts in the order z, f, i, o.
      carry: dict of `c` `[..., hidden_size]`, for poolings with o `h`, and for k > 1
        `inputs` xₜ₋₁, xₜ₋₂, ... side by side.
      inputs: `[..., input_size]`, xₜ.
      pooling: "f", "fo" or "ifo".

    Returns:
      The carry, and the outputs hₜ `[..., hidden_size]`.

    Raises:
      ValueError: if `pooling` is not known.

    References:
      Bradbury, Merity, Xiong and Socher, "Quasi-Recurrent Neural Networks", ICLR 2017,
      equations 1 to 5.
    """
    return _factors(pooling).step(params, carry, inputs)


@cell_maker
def qrnn(
    hidden_size: int,
    *,
    window: int = 2,
    pooling: str = "fo",
    **weights: Unpack[InputWeights],
) -> Cell:
    """Makes a quasi-recurrent cell; see `qrnn_step` for the equations.

    Args:
      hidden_size: width of c and of the outputs.
      window: k, number of inputs that each gate reads, including the current one.
      pooling: "f", "fo" or "ifo".
      **weights: options of the parameters, see `Weights`; `kernel_init` draws each
        part's matrices over the whole window.

    Returns:
      The cell.

    Raises:
      ValueError: if `pooling` is not known.

    Example: with the forget gate closed, it is a convolution over time.
      >>> cell = qrnn(1, window=2, pooling="f")
      >>> params = {
      ...     "kernel": jnp.array([[1.0, 0.0]]),
      ...     "window_kernel": jnp.array([[10.0, 0.0]]),
      ...     "bias": jnp.array([0.0, -100.0]),
      ... }
      >>> inputs = jnp.array([[0.01], [0.02], [0.03]])
      >>> jnp.arctanh(rnnjax.unroll(cell, params, inputs)[1]).ravel().round(3)
      Array([0.01, 0.12, 0.23], dtype=float32)
    """
    check_positive(window=window)
    factors = _factors(pooling, weights.get("compute_dtype"))
    parts = "z" + POOLINGS[pooling]
    plain = gated_init(hidden_size, parts, recurrent="", **weights)

    def init(key, input_size):
        check_positive(input_size=input_size)
        bias_key = jax.random.split(key)[1]
        params = plain(key, window * input_size, bias_key=bias_key)
        if window > 1:
            kernels = jnp.split(params["kernel"], [input_size])
            params["kernel"], params["window_kernel"] = kernels
        return params

    def initial_carry(params, batch_shape=()):
        sizes = {"c": hidden_size}
        if "o" in pooling:
            sizes["h"] = hidden_size
        if window > 1:
            sizes["inputs"] = params["window_kernel"].shape[0]
        dtype = params["kernel"].dtype
        return {
            name: jnp.zeros((*batch_shape, size), dtype) for name, size in sizes.items()
        }

    return factored_cell(init, initial_carry, factors)


def _factors(pooling, compute_dtype=None):
    """A pre-activation is (the parts, the input itself, which joins the window)."""
    if pooling not in POOLINGS:
        raise ValueError(f"pooling must be one of {list(POOLINGS)}, got {pooling!r}.")
    names = POOLINGS[pooling]

    def project(params, inputs):
        drive = driven(params, inputs, compute_dtype)
        is_held = "window_kernel" in params
        return drive, inputs.astype(drive.dtype) if is_held else None

    def recur(params, carry):
        if "window_kernel" not in params:
            return None, None
        return matmul(carry["inputs"], params["window_kernel"], compute_dtype), None

    def update(params, carry, pre):
        parts, inputs = pre
        z, *gates = split(parts, 1 + len(names))
        gates = {name: sigmoid(x) for name, x in zip(names, gates)}
        kept = gates["f"] * carry["c"]
        new = {"c": kept + gates.get("i", 1 - gates["f"]) * jnp.tanh(z)}
        if "o" in gates:
            new["h"] = gates["o"] * new["c"]
        if inputs is not None:
            num_held = carry["inputs"].shape[-1] - inputs.shape[-1]
            earlier = carry["inputs"][..., :num_held]
            new["inputs"] = jnp.concatenate([inputs, earlier], axis=-1)
        return new

    output = "h" if "o" in pooling else "c"
    return Factors(project, recur, update, readout_of(lambda carry: carry[output]))
