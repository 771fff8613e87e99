"""Jordan networks, whose output is fed back."""

from typing import Unpack

import jax
import jax.numpy as jnp

from rnnjax.activations import Activation, as_activation
from rnnjax.base import Array, Cell, Params, check_positive, factored_cell
from rnnjax.cells.parts.gated import gated_factors, gated_init, zero_carry
from rnnjax.cells.parts.weights import WeightOptions, Weights, cell_maker
from rnnjax.initializers import per_gate
from rnnjax.products import matmul


def jordan_step(
    params: Params,
    carry: dict[str, Array],
    inputs: Array,
    *,
    activation: str | Activation = jnp.tanh,
    output_activation: str | Activation = "identity",
) -> tuple[dict[str, Array], Array]:
    """Computes one step of a Jordan network.

        hₜ = f(A xₜ + Bᵢ hₜ₋₁ + Bₒ oₜ₋₁ + b)
        oₜ = g(C hₜ + e)

    Args:
      params: dict of `kernel` A `[input_size, hidden_size]`, `feedback_kernel` Bₒ
        `[output_size, hidden_size]`, `output_kernel` C `[hidden_size, output_size]`
        and, optionally, `recurrent_kernel` Bᵢ `[hidden_size, hidden_size]`, `bias` b
        `[hidden_size]` and `output_bias` e `[output_size]`.
      carry: dict of `outputs` oₜ₋₁ `[..., output_size]` and, if there is a Bᵢ, `h` hₜ₋₁
        `[..., hidden_size]`.
      inputs: `[..., input_size]`, xₜ.
      activation: f, or its name.
      output_activation: g, or its name.

    Returns:
      The carry, and the outputs oₜ `[..., output_size]`.

    References:
      Jordan, "Serial order: A parallel distributed processing approach", 1986; Bᵢ takes
      the place of the decay of his state units.
    """
    f, g = as_activation(activation), as_activation(output_activation)
    return _factors(f, g).step(params, carry, inputs)


def jordan_forced_step(
    params: Params,
    carry: Array,
    inputs: dict[str, Array],
    *,
    activation: str | Activation = jnp.tanh,
    output_activation: str | Activation = "identity",
) -> tuple[Array, Array]:
    """Computes one step with teacher forcing: the target is fed back, not the output.

        hₜ = f(A xₜ + Bᵢ hₜ₋₁ + Bₒ yₜ₋₁ + b)
        oₜ = g(C hₜ + e)

    Args:
      params: as of `jordan_step`, with `recurrent_kernel`.
      carry: hₜ₋₁ `[..., hidden_size]`.
      inputs: dict of `features` xₜ `[..., input_size]` and `target` yₜ₋₁
        `[..., output_size]`, the target of the previous step: the caller delays the
        targets by one step.
      activation: f, or its name.
      output_activation: g, or its name.

    Returns:
      hₜ `[..., hidden_size]` and the outputs oₜ `[..., output_size]`.

    References:
      Williams and Zipser, "A Learning Algorithm for Continually Running Fully Recurrent
      Neural Networks", Neural Computation 1989, section 3.
    """
    f, g = as_activation(activation), as_activation(output_activation)
    return _forced_factors(f, g).step(params, carry, inputs)


@cell_maker
def jordan(
    hidden_size: int,
    output_size: int,
    *,
    activation: str | Activation = jnp.tanh,
    output_activation: str | Activation = "identity",
    teacher_forcing: bool = False,
    use_hidden: bool = True,
    **weights: Unpack[Weights],
) -> Cell:
    """Makes a Jordan network; see `jordan_step` and `jordan_forced_step`.

    Both forms have the same parameters: train with teacher forcing, then run without.

    Args:
      hidden_size: width of h.
      output_size: width of the outputs.
      activation: f, or its name.
      output_activation: g, or its name.
      teacher_forcing: whether the target is fed back, which is then part of the inputs.
      use_hidden: whether h is fed back too; in Jordan's own network only the output is.
      **weights: options of the parameters, see `Weights`: `kernel_init` draws A, Bₒ and
        C, `recurrent_kernel_init` Bᵢ, `bias_init` b and e.

    Returns:
      The cell.

    Raises:
      ValueError: if `teacher_forcing` is used without `use_hidden`, which leaves
        nothing to carry.

    Example: forced by its own outputs, it computes the same.
      >>> free, forced = jordan(4, 1), jordan(4, 1, teacher_forcing=True)
      >>> params, x = free.init(jax.random.key(0), 3), jnp.ones((7, 3))
      >>> outputs = rnnjax.unroll(free, params, x)[1]
      >>> inputs = {"features": x, "target": jnp.pad(outputs[:-1], ((1, 0), (0, 0)))}
      >>> bool(jnp.allclose(rnnjax.unroll(forced, params, inputs)[1], outputs))
      True
    """
    check_positive(output_size=output_size)
    if teacher_forcing and not use_hidden:
        raise ValueError(
            "use_hidden must be true under teacher forcing, which leaves nothing else "
            "to carry, got False."
        )
    plain = gated_init(hidden_size, "h", recurrent="", **weights)
    options = WeightOptions(**weights)
    draw, dtype = per_gate(options.kernel_init, 1), options.dtype

    def init(key, input_size):
        keys = jax.random.split(key, 4)
        bias_keys = jax.random.split(jax.random.fold_in(key, 4))
        params = plain(key, input_size, bias_key=bias_keys[0]) | {
            "feedback_kernel": draw(keys[1], (output_size, hidden_size), dtype),
            "output_kernel": draw(keys[2], (hidden_size, output_size), dtype),
        }
        if use_hidden:
            own, square = options.recurrent_kernel_init, (hidden_size, hidden_size)
            params["recurrent_kernel"] = per_gate(own, 1)(keys[3], square, dtype)
        if options.use_bias:
            bias = options.bias_init(bias_keys[1], (output_size,), dtype)
            params["output_bias"] = bias
        return params

    if teacher_forcing:
        initial_carry = zero_carry(hidden_size)
    elif use_hidden:
        initial_carry = zero_carry(hidden_size, output_size, carry_type=_carry)
    else:
        initial_carry = zero_carry(output_size, carry_type=lambda o: {"outputs": o})
    f, g = as_activation(activation), as_activation(output_activation)
    make_factors = _forced_factors if teacher_forcing else _factors
    return factored_cell(init, initial_carry, make_factors(f, g, options.compute_dtype))


def _carry(h, outputs):
    return {"h": h, "outputs": outputs}


def _show(params, h, output_activation, compute_dtype):
    """Computes oₜ of hₜ."""
    outputs = matmul(h, params["output_kernel"], compute_dtype)
    if "output_bias" in params:
        outputs = outputs + params["output_bias"]
    return output_activation(outputs)


def _factors(activation, output_activation, compute_dtype=None):
    def recur(params, carry):
        pull = matmul(carry["outputs"], params["feedback_kernel"], compute_dtype)
        if "h" not in carry:
            return pull
        return pull + matmul(carry["h"], params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        h = activation(pre)
        new = _carry(h, _show(params, h, output_activation, compute_dtype))
        return {name: new[name] for name in carry}

    factors = gated_factors(update, compute_dtype, shown=lambda carry: carry["outputs"])
    return factors._replace(recur=recur)


def _forced_factors(activation, output_activation, compute_dtype=None):
    def project(params, inputs):
        drive = matmul(inputs["features"], params["kernel"], compute_dtype)
        target = matmul(inputs["target"], params["feedback_kernel"], compute_dtype)
        drive = drive + target
        return drive + params["bias"] if "bias" in params else drive

    def update(params, carry, pre):
        return activation(pre)

    def readout(params, carry, inputs):
        return _show(params, carry, output_activation, compute_dtype)

    factors = gated_factors(update, compute_dtype)
    return factors._replace(project=project, readout=readout)
