"""Initializers for recurrent cells, in addition to `jax.nn.initializers`."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax.base import Array, check_positive

Initializer = jax.nn.initializers.Initializer


def per_gate(initializer: Initializer, num_gates: int) -> Initializer:
    """Makes an initializer that draws the matrix of each gate separately.

    The gates of a cell are side by side in one matrix. Drawn as a whole, an orthogonal
    `[H, 4 H]` block would give each gate a mean squared singular value of 1/4; drawn
    one by one, every gate is orthogonal.

    Types of less than 32 bits are drawn in float32 and rounded: an orthogonal matrix
    cannot be made in bfloat16.

    Args:
      initializer: draws one gate, `[fan_in, hidden_size]`.
      num_gates: number of gates side by side.

    Returns:
      An initializer of `[fan_in, num_gates * hidden_size]`.
    """

    def init(key, shape, dtype=jnp.float32, out_sharding=None):
        del out_sharding  # cells never place arrays
        *leading, width = shape
        gate_shape = (*leading, width // num_gates)
        keys = jax.random.split(key, num_gates)
        wide = jnp.promote_types(dtype, jnp.float32)
        gates = [initializer(k, gate_shape, wide).astype(dtype) for k in keys]
        return jnp.concatenate(gates, axis=-1)

    return init


def symmetric_uniform(bound: float) -> Initializer:
    """Makes an initializer that draws from the uniform distribution on ±`bound`.

    Raises:
      ValueError: if `bound` is not positive and finite.
    """
    if not 0 < bound < math.inf:
        raise ValueError(f"bound must be positive and finite, got {bound}.")

    def init(key, shape, dtype=jnp.float32, out_sharding=None) -> Array:
        del out_sharding  # cells never place arrays
        return jax.random.uniform(key, shape, dtype, minval=-bound, maxval=bound)

    return init


def uniform_logarithm(least: float, greatest: float) -> Initializer:
    """Makes an initializer of the logarithms of numbers from `least` to `greatest`."""

    def init(key, shape, dtype=jnp.float32, out_sharding=None) -> Array:
        del out_sharding  # cells never place arrays
        low, high = np.log(least), np.log(greatest)
        return jax.random.uniform(key, shape, dtype, minval=low, maxval=high)

    return init


def chrono(num_steps: int) -> Initializer:
    """Makes an initializer of a forget gate's bias for a memory of `num_steps` steps.

    A gate with bias b forgets in about 1 + exp(b) steps. Here b = log u with u uniform
    between 1 and `num_steps` - 1.

    Raises:
      ValueError: if `num_steps` is less than 3.

    References:
      Tallec and Ollivier, "Can Recurrent Neural Networks Warp Time?", ICLR 2018,
      section 2. There the input gate of an LSTM gets -b, see `chrono_lstm`.
    """
    if not num_steps > 2:
        raise ValueError(f"num_steps must be more than 2, got {num_steps}.")

    def init(key, shape, dtype=jnp.float32, out_sharding=None) -> Array:
        del out_sharding  # cells never place arrays
        wide = jnp.promote_types(dtype, jnp.float32)
        u = jax.random.uniform(key, shape, wide, minval=1, maxval=num_steps - 1)
        return jnp.log(u).astype(dtype)

    return init


def chrono_lstm(num_steps: int) -> Initializer:
    """Makes the chrono initializer of an LSTM's whole bias, in the order i, f, g, o.

    f is drawn by `chrono`, i is -f, so that as much enters the carry as is forgotten,
    and the others are zeros. Use it as
    `lstm(hidden_size, bias_init=chrono_lstm(num_steps), forget_bias=0.0)`.

    Args:
      num_steps: the longest memory needed.

    Returns:
      An initializer of `[4 * hidden_size]`.

    Raises:
      ValueError: if `num_steps` is less than 3.

    References:
      Tallec and Ollivier, "Can Recurrent Neural Networks Warp Time?", ICLR 2018,
      equation 16.
    """
    forget = chrono(num_steps)

    def init(key, shape, dtype=jnp.float32, out_sharding=None) -> Array:
        del out_sharding  # cells never place arrays
        f = forget(key, (*shape[:-1], shape[-1] // 4), dtype)
        rest = jnp.zeros_like(f)
        return jnp.concatenate([-f, f, rest, rest], axis=-1)

    return init


def spectral_radius(initializer: Initializer, radius: float) -> Initializer:
    """Makes an initializer of square matrices whose spectral radius is `radius`.

    The drawn matrix is scaled by `radius` / ρ, where ρ, the magnitude of its largest
    eigenvalue, comes from Gelfand's formula, whose products run on every device:

        ρ = lim ‖Aⁿ‖^(1/n)

    With n = 2²⁴ it is exact to rounding. A nilpotent matrix has ρ = 0 and
    cannot be scaled: the result is NaN.

    Args:
      initializer: draws the matrix.
      radius: the magnitude of the largest eigenvalue: below 1 the gradients of a
        linear network vanish, above 1 they can explode.

    Returns:
      An initializer of `[size, size]`.

    Raises:
      ValueError: if `radius` is not positive and finite; when drawn, if the shape is
        not square.
    """
    if not 0 < radius < math.inf:
        raise ValueError(f"radius must be positive and finite, got {radius}.")

    def init(key, shape, dtype=jnp.float32, out_sharding=None) -> Array:
        del out_sharding  # cells never place arrays
        if len(shape) != 2 or shape[0] != shape[1]:
            raise ValueError(f"shape must be of a square matrix, got {shape}.")
        matrix = initializer(key, shape, jnp.promote_types(dtype, jnp.float32))
        return (matrix * (radius / _largest_magnitude(matrix))).astype(dtype)

    return init


def sparse(initializer: Initializer, num_nonzero: int) -> Initializer:
    """Makes an initializer that keeps `num_nonzero` random entries of every row.

    A row of a kernel holds the outgoing weights of one unit.

    Args:
      initializer: draws the matrix.
      num_nonzero: number of entries kept per row; the others are zeros.

    Returns:
      An initializer of `[fan_in, fan_out]`.

    Raises:
      ValueError: if `num_nonzero` is not positive; when drawn, if a row has fewer
        entries.

    References:
      Martens, "Deep learning via Hessian-free optimization", ICML 2010, section 5.
    """
    check_positive(num_nonzero=num_nonzero)

    def init(key, shape, dtype=jnp.float32, out_sharding=None) -> Array:
        del out_sharding  # cells never place arrays
        if num_nonzero > shape[-1]:
            raise ValueError(
                f"num_nonzero must be at most a row's {shape[-1]} entries, "
                f"got {num_nonzero}."
            )
        value_key, place_key = jax.random.split(key)
        order = jax.random.uniform(place_key, shape).argsort(axis=-1)
        values = initializer(value_key, shape, dtype)
        return jnp.where(order < num_nonzero, values, 0)

    return init


def smart_tanh(num_nonzero: int = 15, radius: float = 0.95) -> Initializer:
    """Makes the sparse initializer with which tanh networks can learn long lags.

    Normal values, `num_nonzero` per row, with a spectral radius of `radius`.

    Args:
      num_nonzero: number of nonzero entries per row.
      radius: the magnitude of the largest eigenvalue.

    Returns:
      An initializer of `[size, size]`.

    Raises:
      ValueError: as in `sparse` and `spectral_radius`.

    Example:
      >>> init = smart_tanh()
      >>> matrix = init(jax.random.key(0), (50, 50))
      >>> int((matrix != 0).sum(axis=1).max())
      15
      >>> round(float(jnp.abs(jnp.linalg.eigvals(matrix)).max()), 4)
      0.95

    References:
      Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
      networks", ICML 2013, section 4.1; there the kernels to and from the network are
      normal with a standard deviation of 0.01.
    """
    normal = jax.nn.initializers.normal(1.0)
    return spectral_radius(sparse(normal, num_nonzero), radius)


def identity(scale: float = 1.0) -> Initializer:
    """Makes an initializer of `scale` times the identity matrix."""

    def init(key, shape, dtype=jnp.float32, out_sharding=None) -> Array:
        del key, out_sharding  # cells never place arrays
        return scale * jnp.eye(*shape, dtype=dtype)

    return init


def _largest_magnitude(matrix: Array) -> Array:
    """Returns the magnitude of a square matrix's largest eigenvalue."""

    def square(i, power_and_log):
        """Keeps A^(2^i) at norm 1, and log ‖A^(2^i)‖ / 2^i aside."""
        power, log = power_and_log
        power = jnp.matmul(power, power, precision="highest")
        norm = jnp.linalg.norm(power)
        return power / norm, log + jnp.log(norm) / 2.0 ** (i + 1)

    norm = jnp.linalg.norm(matrix)
    return jnp.exp(jax.lax.fori_loop(0, 24, square, (matrix / norm, jnp.log(norm)))[1])
