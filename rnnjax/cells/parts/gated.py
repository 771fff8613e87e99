"""What gated cells share: parameters and products of several gates side by side."""

from collections.abc import Callable, Mapping
from typing import Unpack

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Carry, Factors, Params, check_positive
from rnnjax.cells.parts.weights import WeightOptions, Weights
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import matmul, split

GateBias = float | Initializer
"""What a maker's `<gate>_bias` adds to the initial bias of that gate.

A number, or an initializer such as `rnnjax.initializers.chrono(100)`. It has no effect
on a cell that has no bias (`use_bias=False`), or that lacks the gate.
"""


def gated_init(
    hidden_size: int,
    gates: str,
    *,
    recurrent: str | None = None,
    recurrent_size: int | None = None,
    candidate_apart: bool = False,
    kernel_as_whole: bool = False,
    kernel_shape: tuple[int, ...] = (),
    gate_biases: Mapping[str, GateBias] | None = None,
    unbiased: str = "",
    bias_shape: tuple[int, ...] = (),
    **weights: Unpack[Weights],
) -> Callable[..., dict[str, Array]]:
    """Makes the `init` of a cell whose gates stand side by side.

    Args:
      hidden_size: width of each gate.
      gates: a letter for each gate or candidate, in their order, such as "ifgo".
      recurrent: those of `gates` with a recurrent matrix; None: all; "": none, and no
        `recurrent_kernel`.
      recurrent_size: width of what the recurrent matrices take; None: `hidden_size`.
      candidate_apart: whether the last recurrent matrix is a parameter of its own,
        `candidate_kernel`: for candidates whose product is computed after a gate.
      kernel_as_whole: whether `kernel` is drawn at once, not gate by gate.
      kernel_shape: leading axes of the kernels, for convolutions.
      gate_biases: what is added to the initial bias of a gate, by its letter.
      unbiased: the last of `gates`, if they have no bias.
      bias_shape: leading axes of the bias, for several layers.
      **weights: see `Weights`.

    Returns:
      `(key, input_size) -> params`: `kernel` `[input_size, len(gates) * hidden_size]`,
      `recurrent_kernel` `[recurrent_size, len(recurrent) * hidden_size]` and `bias`
      `[len(gates) * hidden_size]`. Three children of the key draw them; where a cell
      draws something else by the third, it gives a `bias_key` as well.

    Raises:
      ValueError: if a size is not positive.

    Example:
      >>> init = gated_init(2, "fg", gate_biases={"f": 1.0})
      >>> init(jax.random.key(0), 3)["bias"]
      Array([1., 1., 0., 0.], dtype=float32)
    """
    rows = hidden_size if recurrent_size is None else recurrent_size
    check_positive(hidden_size=hidden_size, recurrent_size=rows)
    options = WeightOptions(**weights)
    biased = gates.removesuffix(unbiased)
    num_recurrent = len(gates if recurrent is None else recurrent)

    draw_kernel = options.kernel_init
    if not kernel_as_whole:
        draw_kernel = per_gate(draw_kernel, len(gates))
    draw_recurrent = per_gate(options.recurrent_kernel_init, num_recurrent)

    def init(key, input_size, *, bias_key=None):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 3)
        shape = (*kernel_shape, input_size, len(gates) * hidden_size)
        params = {"kernel": draw_kernel(keys[0], shape, options.dtype)}
        if num_recurrent:
            shape = (*kernel_shape, rows, num_recurrent * hidden_size)
            kernel = draw_recurrent(keys[1], shape, options.dtype)
            params["recurrent_kernel"] = kernel
        if candidate_apart:
            kernels = split(kernel, [(num_recurrent - 1) * hidden_size])
            params["recurrent_kernel"], params["candidate_kernel"] = kernels
        if options.use_bias:
            bias_key = keys[2] if bias_key is None else bias_key
            shape = (*bias_shape, len(biased) * hidden_size)
            bias = options.bias_init(bias_key, shape, options.dtype)
            params["bias"] = _add_gate_biases(bias, bias_key, biased, gate_biases or {})
        return params

    return init


def _add_gate_biases(
    bias: Array, key: Array, gates: str, gate_biases: Mapping[str, GateBias]
) -> Array:
    parts = dict(zip(gates, split(bias, len(gates))))
    for gate, added in gate_biases.items():
        if gate not in parts:
            continue
        part = parts[gate]
        if callable(added):
            gate_key = jax.random.fold_in(key, gates.index(gate))
            added = added(gate_key, part.shape, part.dtype)
        parts[gate] = (part + added).astype(part.dtype)
    return jnp.concatenate(list(parts.values()), axis=-1)


def gated_factors(
    update: Callable[..., Carry],
    compute_dtype: jax.typing.DTypeLike | None = None,
    *,
    shown: Callable[[Carry], Array] = lambda carry: carry,
    candidate_apart: bool = False,
    product: Callable[..., Array] = matmul,
) -> Factors:
    """Makes the factors of a cell that adds U xₜ + b and W hₜ₋₁ for all gates at once.

    Args:
      update: `(params, carry, pre) -> carry`; `pre` is the sum, or with
        `candidate_apart` a pair: that of the gates, and of the candidate U xₜ + b.
      compute_dtype: see `rnnjax.products.matmul`.
      shown: h as part of the carry, which is also the outputs.
      candidate_apart: as in `gated_init`.
      product: `(x, kernel, compute_dtype) -> x @ kernel`, or a convolution.

    Returns:
      The factors.
    """

    def project(params, inputs):
        drive = driven(params, inputs, compute_dtype, product)
        if not candidate_apart:
            return drive
        return tuple(split(drive, [params["recurrent_kernel"].shape[-1]]))

    def recur(params, carry):
        pull = product(shown(carry), params["recurrent_kernel"], compute_dtype)
        return (pull, None) if candidate_apart else pull

    return Factors(project, recur, update, readout_of(shown))


def linear_factors(project: Callable[..., tuple[Array, Array]]) -> Factors:
    """Makes the factors of a cell hₜ = aₜ ∘ hₜ₋₁ + bₜ.

    Args:
      project: `(params, inputs) -> (a, b)`, which depend on the inputs alone.

    Returns:
      The factors.
    """

    def recur(params, carry):
        return None

    def update(params, carry, pre):
        a, b = pre
        return a * carry + b

    return Factors(project, recur, update, carry_as_output)


def zero_carry(
    *shapes: int | tuple[int, ...], carry_type: Callable[..., Carry] | None = None
) -> Callable[..., Carry]:
    """Makes the `initial_carry` of a cell whose carry starts as zeros.

    Args:
      *shapes: width or shape of each array of the carry, without batch axes.
      carry_type: makes the carry of its arrays; None: the carry is a single array.

    Returns:
      `(params, batch_shape=()) -> carry`, in the dtype of `params["kernel"]`.
    """
    shapes = tuple(x if isinstance(x, tuple) else (x,) for x in shapes)

    def initial_carry(params, batch_shape=()):
        # one array for each: a caller may donate the carry to `jax.jit`
        dtype = params["kernel"].dtype
        arrays = [jnp.zeros((*batch_shape, *shape), dtype) for shape in shapes]
        return arrays[0] if carry_type is None else carry_type(*arrays)

    return initial_carry


def driven(
    params: Params,
    inputs: Array,
    compute_dtype: jax.typing.DTypeLike | None = None,
    product: Callable[..., Array] = matmul,
) -> Array:
    """Computes U xₜ + b of all gates, `[..., num_gates * hidden_size]`."""
    drive = product(inputs, params["kernel"], compute_dtype)
    return drive + params["bias"] if "bias" in params else drive


def readout_of(shown: Callable[[Carry], Array]) -> Callable[..., Array]:
    """Makes the `readout` of a cell whose outputs are part of its carry."""

    def readout(params, carry, inputs):
        return shown(carry)

    return readout


def carry_as_output(params: Params, carry: Carry, inputs: Array) -> Carry:
    """The `readout` of a cell whose output is its carry."""
    return carry
