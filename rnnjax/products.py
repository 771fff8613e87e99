"""Products and splits, in the form that the engines run fastest."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from rnnjax.base import Array
from rnnjax.placement import vary_alike


def matmul(
    inputs: Array,
    kernel: Array,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Array:
    """Multiplies vectors by a matrix, in the dtype of the matrix.

    An axis that `jax.vmap` maps over the vectors alone becomes one more of their
    leading axes, in derivatives too: one large product instead of many small ones.

    Args:
      inputs: `[..., input_size]`, of any dtype.
      kernel: `[input_size, output_size]`.
      compute_dtype: dtype to which both are rounded before they are multiplied, such
        as bfloat16, also in the products of the derivative; sums are accumulated in the
        kernel's dtype. None: the kernel's own.

    Returns:
      `[..., output_size]` in the kernel's dtype.

    Raises:
      ValueError: if the last axis of `inputs` does not match the kernel's first.
    """
    if inputs.ndim == 0 or inputs.shape[-1] != kernel.shape[0]:
        raise ValueError(
            f"inputs must have a last axis of {kernel.shape[0]}, "
            f"got shape {inputs.shape}."
        )
    inputs, kernel = vary_alike(inputs.astype(kernel.dtype), kernel)
    return matmul_p.bind(
        inputs,
        kernel,
        transposed=False,
        compute_dtype=None if compute_dtype is None else jnp.dtype(compute_dtype),
        precision=jax.config.jax_default_matmul_precision,  # pyright: ignore
        out_sharding=None,
    )


def split(pre: Array, num_parts: int | Sequence[int]) -> list[Array]:
    """Splits the last axis into equal parts, or at the given indices.

    The derivative of a split is one concatenation; that of slices is a sum of padded
    copies, which is expensive inside a loop.
    """
    places = num_parts if isinstance(num_parts, int) else list(num_parts)
    return jnp.split(pre, places, axis=-1)


# The three products of one trilinear form, Σ x K y. The gradient of each consists of
# the other two, so these two primitives are closed under differentiation:
#   matmul_p: x K, or y Kᵀ where `transposed`      outer_p: Σ xᵀ y over all leading axes


def _matmul(inputs, kernel, *, transposed, **how):
    return _dot(inputs, kernel, ((inputs.ndim - 1,), (int(transposed),)), **how)


def _matmul_on_cpu(inputs, kernel, *, transposed, **how):
    """Transposes a kernel explicitly first, which XLA then moves out of a loop.

    Otherwise the kernel is packed at every step. A few vectors need no packing.
    """
    if transposed and inputs.size > 4 * inputs.shape[-1]:
        kernel, transposed = lax.optimization_barrier(kernel.T), False
    return _matmul(inputs, kernel, transposed=transposed, **how)


def _outer(x, y, *, transposed, **how):
    del transposed
    leading = tuple(range(x.ndim - 1))
    return _dot(x, y, (leading, leading), **how)


def _outer_on_cpu(x, y, *, transposed, **how):
    """Transposes one operand explicitly first: the product is then twice as fast."""
    del transposed
    leading = tuple(range(x.ndim - 1))
    rows = lax.optimization_barrier(jnp.moveaxis(x, -1, 0))
    return _dot(rows, y, (tuple(range(1, x.ndim)), leading), **how)


def _dot(x, y, axes, *, compute_dtype, precision, out_sharding):
    """Contracts the pairs of `axes`, rounding the operands but not the result."""
    dtype = x.dtype
    if compute_dtype is not None:
        x, y = x.astype(compute_dtype), y.astype(compute_dtype)
    return lax.dot_general(
        x,
        y,
        (axes, ((), ())),
        precision=precision,
        preferred_element_type=dtype,
        out_sharding=out_sharding,
    )


def _primitive(name, function, on_cpu):
    """Makes a primitive from a function of two arrays, without its derivatives."""
    primitive = Primitive(name)
    static = ("transposed", "compute_dtype", "precision", "out_sharding")
    primitive.def_impl(jax.jit(primitive.bind, static_argnames=static))

    @functools.cache
    def result_type(x, y, how):
        traced = jax.make_jaxpr(functools.partial(function, **dict(how)))(x, y)
        return traced.out_avals[0]

    primitive.def_abstract_eval(
        lambda x, y, **how: result_type(x, y, tuple(how.items()))
    )
    for own, platform in ((function, None), (on_cpu, "cpu")):
        lowering = mlir.lower_fun(own, multiple_results=False)
        mlir.register_lowering(primitive, lowering, platform=platform)
    return primitive


matmul_p = _primitive("matmul", _matmul, _matmul_on_cpu)
outer_p = _primitive("outer", _outer, _outer_on_cpu)


def _sharding_of(operand):
    sharding = operand.aval.to_ct_aval().sharding
    return None if sharding.mesh.empty else sharding


def _gradient_of_inputs(g, inputs, kernel, *, transposed, **how):
    how["out_sharding"] = _sharding_of(inputs)
    return matmul_p.bind(g, kernel, transposed=not transposed, **how)


def _gradient_of_kernel(g, inputs, kernel, *, transposed, **how):
    how["out_sharding"] = _sharding_of(kernel)
    x, y = (g, inputs) if transposed else (inputs, g)
    return outer_p.bind(x, y, transposed=False, **how)


def _gradient_of_x(g, x, y, *, transposed, **how):
    del transposed
    how["out_sharding"] = _sharding_of(x)
    return matmul_p.bind(y, g, transposed=True, **how)


def _gradient_of_y(g, x, y, *, transposed, **how):
    del transposed
    how["out_sharding"] = _sharding_of(y)
    return matmul_p.bind(x, g, transposed=False, **how)


ad.defbilinear(matmul_p, _gradient_of_inputs, _gradient_of_kernel)
ad.defbilinear(outer_p, _gradient_of_x, _gradient_of_y)


def _batch_matmul(operands, axes, **how):
    inputs, kernel = operands
    if axes[1] is None and how["out_sharding"] is None:
        return matmul_p.bind(jnp.moveaxis(inputs, axes[0], 0), kernel, **how), 0
    return jax.vmap(functools.partial(_matmul, **how), axes)(inputs, kernel), 0


def _batch_outer(operands, axes, **how):
    return jax.vmap(functools.partial(_outer, **how), axes)(*operands), 0


batching.primitive_batchers[matmul_p] = _batch_matmul
batching.primitive_batchers[outer_p] = _batch_outer
