"""The quasi-recurrent network: a convolution over time, then pooling."""

import jax
import jax.numpy as jnp
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

POOLINGS = {"f": "f", "fo": "fo", "ifo": "fio"}  # the gates beside the candidate


def qrnn_step(
    params: Params, carry: dict, inputs: Array, *, pooling: str = "fo"
) -> tuple[dict, Array]:
    """Computes one step of a quasi-recurrent network with fo-pooling.

        zₜ = tanh(W_z * x)ₜ,  fₜ = σ(W_f * x)ₜ,  oₜ = σ(Wₒ * x)ₜ
        cₜ = fₜ ∘ cₜ₋₁ + (1 - fₜ) ∘ zₜ
        hₜ = oₜ ∘ cₜ

    (W * x)ₜ = W₀ xₜ + W₁ xₜ₋₁ + ... + b sees a window of k inputs and none ahead. With
    f-pooling there is no o, and h = c; with ifo-pooling an input gate i stands in place
    of 1 - f.

    Args:
      params: dict of `kernel` W₀ `[input_size, parts * hidden_size]`, for k > 1
        `window_kernel` W₁, W₂, ... below one another, and, unless left out, `bias` b
        `[parts * hidden_size]`; parts in the order z, f, i, o.
      carry: dict of `c` `[..., hidden_size]`, for a pooling with o `h`, and for k > 1
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
    _check_pooling(pooling)
    return factored_step(_factors(pooling, None))(params, carry, inputs)


@cached
def qrnn(
    hidden_size: int,
    *,
    window: int = 2,
    pooling: str = "fo",
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a quasi-recurrent cell; see `qrnn_step` for the equations.

    Args:
      hidden_size: width of c and of the outputs.
      window: k, inputs that each gate sees, the latest included.
      pooling: "f", "fo" or "ifo".
      use_bias: whether there is a bias.
      kernel_init: initializer of each part's matrices, over the whole window.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell.

    Raises:
      ValueError: if a size is not positive, or `pooling` is not known.

    Example:
      >>> cell = qrnn(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape, carry["inputs"].shape
      ((4,), (3,))
    """
    check_positive(hidden_size=hidden_size, window=window)
    _check_pooling(pooling)
    num_parts = 1 + len(POOLINGS[pooling])

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key)
        width = num_parts * hidden_size
        draw = per_gate(kernel_init, num_parts)
        kernel = draw(keys[0], (window * input_size, width), dtype)
        params = {"kernel": kernel[:input_size]}
        if window > 1:
            params["window_kernel"] = kernel[input_size:]
        if use_bias:
            params["bias"] = bias_init(keys[1], (width,), dtype)
        return params

    def initial_carry(params, batch_shape=()):
        dtype = params["kernel"].dtype
        c = jnp.zeros((*batch_shape, hidden_size), dtype)
        carry = {"c": c}
        if "o" in pooling:
            carry["h"] = jnp.zeros_like(c)
        if window > 1:
            held = params["window_kernel"].shape[0]
            carry["inputs"] = jnp.zeros((*batch_shape, held), dtype)
        return carry

    return factored_cell(init, initial_carry, _factors(pooling, compute_dtype))


@cached
def _factors(pooling, compute_dtype):
    """A pre-activation is (the parts, the input itself, which is held)."""
    names = POOLINGS[pooling]

    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        drive = drive + params["bias"] if "bias" in params else drive
        held = "window_kernel" in params
        return drive, inputs.astype(drive.dtype) if held else None

    def recur(params, carry):
        if "window_kernel" not in params:
            return None, None
        return matmul(carry["inputs"], params["window_kernel"], compute_dtype), None

    def update(params, carry, pre):
        del params
        parts, inputs = pre
        z, *gates = split(parts, 1 + len(names))
        gates = {name: sigmoid(x) for name, x in zip(names, gates)}
        kept = gates["f"] * carry["c"]
        new = {"c": kept + gates.get("i", 1 - gates["f"]) * jnp.tanh(z)}
        if "o" in gates:
            new["h"] = gates["o"] * new["c"]
        if inputs is not None:
            held = carry["inputs"].shape[-1] - inputs.shape[-1]
            earlier = carry["inputs"][..., :held]
            new["inputs"] = jnp.concatenate([inputs, earlier], axis=-1)
        return new

    def readout(params, carry, inputs):
        del params, inputs
        return carry["h"] if "h" in carry else carry["c"]

    return Factors(project, recur, update, readout)


def _check_pooling(pooling):
    if pooling not in POOLINGS:
        raise ValueError(f"pooling must be one of {list(POOLINGS)}, got {pooling!r}.")
