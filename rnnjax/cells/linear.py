"""Linear dynamical systems, with the shift register as a special case."""

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.base import Array, Cell, Params, cached, check_positive, factored_cell
from rnnjax.cells.parts.gated import gated_factors, zero_carry
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import matmul


def linear_system_step(
    params: Params, carry: Array, inputs: Array
) -> tuple[Array, Array]:
    """Computes one step of a linear dynamical system.

        hₜ = A xₜ + B hₜ₋₁
        oₜ = C hₜ + D xₜ

    Args:
      params: dict of `kernel` A `[input_size, hidden_size]`, `recurrent_kernel` B
        `[hidden_size, hidden_size]`, `output_kernel` C `[hidden_size, output_size]`
        and, optionally, `skip_kernel` D `[input_size, output_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      hₜ `[..., hidden_size]`, and the outputs oₜ `[..., output_size]`.

    References:
      Kalman, "Mathematical Description of Linear Dynamical Systems", SIAM Journal on
      Control 1963, in discrete time, and without noise.
    """
    return _factors().step(params, carry, inputs)


@cached
def linear_system(
    hidden_size: int,
    output_size: int,
    *,
    use_skip: bool = False,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a linear dynamical system; see `linear_system_step` for the equations.

    Args:
      hidden_size: width of h.
      output_size: width of o.
      use_skip: whether there is a D, a direct connection from input to output.
      kernel_init: initializer of A, C and D.
      recurrent_kernel_init: initializer of B.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the products, see `rnnjax.products.matmul`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Example: outputs add up as inputs do.
      >>> cell = linear_system(4, 2)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> x, y = jax.random.normal(jax.random.key(1), (2, 7, 3))
      >>> of_x, of_y, of_both = (
      ...     rnnjax.unroll(cell, params, inputs)[1] for inputs in (x, y, x + y)
      ... )
      >>> bool(jnp.allclose(of_x + of_y, of_both, atol=1e-5))
      True
    """
    check_positive(hidden_size=hidden_size, output_size=output_size)

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 4)
        params = {
            "kernel": kernel_init(keys[0], (input_size, hidden_size), dtype),
            "recurrent_kernel": per_gate(recurrent_kernel_init, 1)(
                keys[1], (hidden_size, hidden_size), dtype
            ),
            "output_kernel": kernel_init(keys[2], (hidden_size, output_size), dtype),
        }
        if use_skip:
            shape = (input_size, output_size)
            params["skip_kernel"] = kernel_init(keys[3], shape, dtype)
        return params

    return factored_cell(init, zero_carry(hidden_size), _factors(compute_dtype))


def shift_register(input_size: int, num_steps: int, dtype=jnp.float32) -> Params:
    """Makes parameters of a linear system that delays its inputs.

        h = (xₜ, xₜ₋₁, ..., xₜ₋ₙ₊₁),  o = xₜ₋ₙ₊₁

    B is the shift operator: it moves each input by one place and drops the last one, so
    its powers from the n-th on are zero.

    Args:
      input_size: width of one input.
      num_steps: n, number of inputs in h.
      dtype: dtype of the parameters.

    Returns:
      Parameters of `linear_system(num_steps * input_size, input_size)`.

    Example:
      >>> cell = linear_system(3, 1)
      >>> params = shift_register(input_size=1, num_steps=3)
      >>> rnnjax.unroll(cell, params, jnp.array([[5.0], [6.0], [7.0], [8.0]]))[1][:, 0]
      Array([0., 0., 5., 6.], dtype=float32)
    """
    check_positive(input_size=input_size, num_steps=num_steps)
    size = num_steps * input_size
    return {
        "kernel": jnp.eye(input_size, size, dtype=dtype),
        "recurrent_kernel": jnp.eye(size, k=input_size, dtype=dtype),
        "output_kernel": jnp.eye(size, input_size, k=input_size - size, dtype=dtype),
    }


def _factors(compute_dtype=None):
    def update(params, carry, pre):
        return pre

    def readout(params, carry, inputs):
        outputs = matmul(carry, params["output_kernel"], compute_dtype)
        if "skip_kernel" in params:
            outputs = outputs + matmul(inputs, params["skip_kernel"], compute_dtype)
        return outputs

    return gated_factors(update, compute_dtype)._replace(readout=readout)
