"""A cell's input matrices, cut into the rows for its inputs and those for a glimpse."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from rnnjax.attention.shown import factors_of
from rnnjax.base import Array, Cell, Params, prepared
from rnnjax.products import matmul_p

_PROBES = (2, 240)  # the large one suits any usual number of heads or blocks


def split_rows(cell: Cell, params: Params, size: int) -> tuple[Params, Params] | None:
    """Splits the matrices by which a cell multiplies [x; c] into the rows of x and c.

    Then what x contributes can be computed for all steps at once, and no vectors are
    joined in the loop:

        project([x; c]) = project(x) by the rows of x + linear part(c) by those of c

    Args:
      cell: the cell; it must have factors.
      params: its parameters, prepared, for inputs [x; c].
      size: width of c.

    Returns:
      The parameters for x and those for c; None if the cell's `project` is not an
      affine map that multiplies the inputs by matrices alone.
    """
    matrices = input_matrices(cell)
    if matrices is None:
        return None
    leaves, treedef = jax.tree.flatten(params)

    def with_rows(rows):
        return treedef.unflatten(
            [x[rows] if i in matrices else x for i, x in enumerate(leaves)]
        )

    return with_rows(slice(-size)), with_rows(slice(-size, None))


def linear_part(project: Callable[..., Any], params: Params, inputs: Array) -> Any:
    """Computes what an affine `project` makes of its inputs, without its constants."""

    def of_inputs(inputs):
        return project(params, inputs)

    return jax.jvp(of_inputs, (jnp.zeros_like(inputs),), (inputs,))[1]


@functools.cache
def input_matrices(cell: Cell) -> tuple[int, ...] | None:
    """Finds the parameters by which a cell multiplies its inputs.

    Proved on the jaxpr of the derivative of `project` in the inputs: if that does not
    read the inputs, `project` is affine; if their tangent is read by products with
    parameters alone, it falls into the rows of these.

    Args:
      cell: the cell; it must have factors.

    Returns:
      The indices of these matrices among the leaves of the prepared parameters; None
      if `project` is not of this kind.
    """
    for size in _PROBES:
        try:
            params, inputs = _shapes(cell, size)
        except Exception:  # a user's own `init` may refuse a size in any way
            continue
        return _matrices_in(factors_of(cell).project, params, inputs)
    return None


def _shapes(cell, size):
    def make():
        params = prepared(cell, cell.init(jax.random.key(0), size))
        carry = cell.initial_carry(params)
        dtypes = [x.dtype for x in jax.tree.leaves(carry)]
        dtype = next(x for x in dtypes if jnp.issubdtype(x, jnp.floating))
        return params, jnp.zeros(size, dtype)

    return jax.eval_shape(make)


def _matrices_in(project, params, inputs):
    leaves, treedef = jax.tree.flatten(params)

    def tangent(inputs, d_inputs, *leaves):
        def of_inputs(inputs):
            return project(treedef.unflatten(leaves), inputs)

        return jax.jvp(of_inputs, (inputs,), (d_inputs,))[1]

    jaxpr = jax.make_jaxpr(tangent)(inputs, inputs, *leaves).jaxpr
    x, dx, *parameters = jaxpr.invars
    needed, products = set(map(id, jaxpr.outvars)), []
    for equation in reversed(jaxpr.eqns):
        if not needed & set(map(id, equation.outvars)):
            continue
        needed |= set(map(id, equation.invars))
        if any(own is dx for own in equation.invars):
            products.append(equation)
    if id(x) in needed or any(own is dx for own in jaxpr.outvars):
        return None
    matrices = []
    for equation in products:
        found = [i for i, own in enumerate(parameters) if own is equation.invars[-1]]
        straight = not equation.params.get("transposed")
        if equation.primitive is not matmul_p or not straight or not found:
            return None
        matrices += found
    return tuple(matrices)
