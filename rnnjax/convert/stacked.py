"""A cell's matrices as one matrix over [h, x], as in many textbooks."""

import jax.numpy as jnp

from rnnjax.base import Params


def stack_kernels(params: Params) -> Params:
    """Stacks the recurrent and the input matrix of a cell.

        W [hₜ₋₁, xₜ] = W_h hₜ₋₁ + W_x xₜ

    Args:
      params: dict of an Elman, LSTM or GRU cell with `kernel`
        `[input_size, width]` and `recurrent_kernel` `[hidden_size, width]`; the
        `candidate_kernel` of a GRU that resets before the product is included.

    Returns:
      The same dict with `stacked_kernel` `[hidden_size + input_size, width]`, the rows
      of h first, instead of the matrices.

    Raises:
      ValueError: if a matrix is missing.

    Example:
      >>> cell = rnnjax.elman(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> h, x = jnp.arange(4.0), jnp.ones(3)
      >>> pre = jnp.concatenate([h, x]) @ stack_kernels(params)["stacked_kernel"]
      >>> bool(jnp.allclose(jnp.tanh(pre), cell.step(params, h, x)[0]))
      True
    """
    rest = dict(params)
    missing = {"kernel", "recurrent_kernel"} - rest.keys()
    if missing:
        raise ValueError(
            f"params must have a kernel and a recurrent_kernel, got {sorted(rest)}."
        )
    recurrent = rest.pop("recurrent_kernel")
    if "candidate_kernel" in rest:
        recurrent = jnp.concatenate([recurrent, rest.pop("candidate_kernel")], axis=1)
    stacked = jnp.concatenate([recurrent, rest.pop("kernel")], axis=0)
    return {"stacked_kernel": stacked, **rest}


def unstack_kernels(
    stacked: Params, hidden_size: int, *, reset_before: bool = False
) -> Params:
    """Inverts `stack_kernels`.

    Args:
      stacked: dict with `stacked_kernel` `[hidden_size + input_size, width]`.
      hidden_size: number of rows of h.
      reset_before: whether the matrices are those of a GRU that resets before the
        product, whose last `hidden_size` recurrent columns are a separate matrix.

    Returns:
      The same dict with `kernel` and `recurrent_kernel` (and `candidate_kernel`).

    Raises:
      ValueError: if there is no `stacked_kernel`, or it has too few rows.

    Example:
      >>> stacked = {"stacked_kernel": jnp.array([[1.0], [2.0], [3.0]])}
      >>> unstack_kernels(stacked, hidden_size=1)["kernel"].ravel()
      Array([2., 3.], dtype=float32)
    """
    rest = dict(stacked)
    if "stacked_kernel" not in rest:
        raise ValueError(f"stacked must have a stacked_kernel, got {sorted(rest)}.")
    joined = rest.pop("stacked_kernel")
    if not 0 < hidden_size < joined.shape[0]:
        raise ValueError(
            f"hidden_size must be from 1 to {joined.shape[0] - 1}, the rows of "
            f"stacked_kernel less one, got {hidden_size}."
        )
    recurrent, kernel = jnp.split(joined, [hidden_size], axis=0)
    params = {"kernel": kernel, "recurrent_kernel": recurrent, **rest}
    if reset_before:
        gates, candidate = jnp.split(recurrent, [2 * hidden_size], axis=1)
        params |= {"recurrent_kernel": gates, "candidate_kernel": candidate}
    return params
