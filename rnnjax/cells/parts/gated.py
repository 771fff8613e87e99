"""What cells of several gates share: their parameters, side by side."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.base import Array, Carry, Params, check_positive
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import matmul


def gated_init(
    hidden_size: int,
    num_gates: int,
    *,
    num_recurrent: int | None = None,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Callable[..., Params]:
    """Makes the `init` of a cell whose gates stand side by side.

    Args:
      hidden_size: width of the carry.
      num_gates: gates, and candidates, that the inputs drive.
      num_recurrent: how many of them the carry pulls at; None: all; 0: there is no
        recurrent matrix.
      use_bias: whether there is a bias.
      kernel_init: initializer of each gate's input matrix.
      recurrent_kernel_init: initializer of each gate's recurrent matrix.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters.

    Returns:
      `(key, input_size) -> params`: `kernel` `[input_size, num_gates * hidden_size]`,
      `recurrent_kernel` `[hidden_size, num_recurrent * hidden_size]` and `bias`
      `[num_gates * hidden_size]`.

    Raises:
      ValueError: if a size is not positive.
    """
    check_positive(hidden_size=hidden_size)
    recurrent = num_gates if num_recurrent is None else num_recurrent

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 3)
        shape = (input_size, num_gates * hidden_size)
        params = {"kernel": per_gate(kernel_init, num_gates)(keys[0], shape, dtype)}
        if recurrent:
            shape = (hidden_size, recurrent * hidden_size)
            draw = per_gate(recurrent_kernel_init, recurrent)
            params["recurrent_kernel"] = draw(keys[1], shape, dtype)
        if use_bias:
            params["bias"] = bias_init(keys[2], (num_gates * hidden_size,), dtype)
        return params

    return init


def with_candidate_kernel(init: Callable[..., Params]) -> Callable[..., Params]:
    """Makes an `init` that keeps the last recurrent matrix as `candidate_kernel`.

    That of a candidate whose product waits for a gate, and so stays in `update`.

    Args:
      init: of `gated_init`.

    Returns:
      The same, with `candidate_kernel` `[hidden_size, hidden_size]` apart.
    """

    def parted(key, input_size):
        params = init(key, input_size)
        recurrent = params["recurrent_kernel"]
        return params | {
            "recurrent_kernel": recurrent[:, : -recurrent.shape[0]],
            "candidate_kernel": recurrent[:, -recurrent.shape[0] :],
        }

    return parted


def zero_carry(hidden_size: int) -> Callable[..., Array]:
    """Makes the `initial_carry` of a cell that carries one array of zeros."""

    def initial_carry(params, batch_shape=()):
        return jnp.zeros((*batch_shape, hidden_size), params["kernel"].dtype)

    return initial_carry


def driven(params: Params, inputs: Array, compute_dtype) -> Array:
    """Computes U xₜ + b of all gates, `[..., num_gates * hidden_size]`."""
    drive = matmul(inputs, params["kernel"], compute_dtype)
    return drive + params["bias"] if "bias" in params else drive


def carry_as_output(params: Params, carry: Carry, inputs: Array) -> Carry:
    """The `readout` of a cell that shows what it carries."""
    del params, inputs
    return carry
