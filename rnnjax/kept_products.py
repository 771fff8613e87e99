"""Products inside a nonlinearity, whose gradients leave the loop.

Where `update` multiplies a vector by a parameter, y = x K, the tangent is

    dy = dx K + x dK

and its second term needs no tangent of an earlier step. So `hoisted` keeps x and y of
every step, as it keeps the pre-activation, and computes x dK for all steps at once. The
loop neither computes y again nor adds up the gradient of K.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax import lax
from jax.extend.core import ClosedJaxpr, JaxprEqn, Literal, Var

from rnnjax.base import Array, Carry, Params
from rnnjax.products import matmul_p

Update = Callable[[Params, Carry, Any], Carry]


class Product(NamedTuple):
    """A product y = x K of an update.

    Attributes:
      equation: computes it.
      place: where K stands among its operands.
      leaf: K's index among the leaves of the parameters.
      x: the variable of the operand that changes from step to step.
      y: the variable of the result.
    """

    equation: JaxprEqn
    place: int
    leaf: int
    x: Var
    y: Var

    def __call__(self, x: Array, kernel: Array) -> Array:
        """Computes x K."""
        operands = (kernel, x) if self.place == 0 else (x, kernel)
        return _call(self.equation, operands)[0]


class _Traced(NamedTuple):
    """An update, traced.

    Attributes:
      jaxpr: the update, of the leaves of its arguments.
      out_tree: the structure of the new carry.
      products: the products that are kept, by the index of their equation.
      variables: those of all x and y. Where one product's y is the next one's x, it
        is kept once.
    """

    jaxpr: ClosedJaxpr
    out_tree: Any
    products: dict[int, Product]
    variables: list[Var]

    def evaluate(self, arguments, multiply):
        """Returns the new carry and what is kept; `multiply` computes the products."""
        jaxpr = self.jaxpr.jaxpr
        values: dict[Var, Any] = dict(zip(jaxpr.constvars, self.jaxpr.consts))
        values.update(zip(jaxpr.invars, jax.tree.leaves(arguments)))

        def read(atom):
            return atom.val if isinstance(atom, Literal) else values[atom]

        for index, equation in enumerate(jaxpr.eqns):
            operands = [read(x) for x in equation.invars]
            if index in self.products:
                product = self.products[index]
                x, kernel = operands[1 - product.place], operands[product.place]
                results = [multiply(product, x, kernel)]
            else:
                results = _call(equation, operands)
            values.update(zip(equation.outvars, results))
        carry = self.out_tree.unflatten([read(x) for x in jaxpr.outvars])
        return carry, [values[variable] for variable in self.variables]


def keep_products(
    update: Update, params: Params, carry: Carry, pre: Any
) -> tuple[Carry, list[Array]]:
    """Computes an update.

    A product is not kept if its x and y take more memory than the carry and the
    pre-activation do, such as a product with every row of a memory.

    Args:
      update: see `Factors`.
      params: the parameters.
      carry: the carry before the step.
      pre: the pre-activation.

    Returns:
      The new carry, and each x and y.
    """
    traced = _trace(update, params, carry, pre)
    return traced.evaluate((params, carry, pre), lambda product, *own: product(*own))


def reuse_products(
    update: Update, params: Params, carry: Carry, pre: Any, kept: Sequence[Array]
) -> tuple[Carry, list[Array]]:
    """Does what `keep_products` does, but takes each y from what is kept.

    The tangents of `kept` must be the `product_sources`; that of a K is not used.
    """
    traced = _trace(update, params, carry, pre)
    values = dict(zip(traced.variables, kept))

    def look_up(product, x, kernel):
        return _with_tangent(product, x, kernel, values[product.y])

    return traced.evaluate((params, carry, pre), look_up)


def product_sources(
    update: Update,
    params: Params,
    carry: Carry,
    pre: Any,
    kept: Sequence[Array],
    d_params: Params,
) -> list[Array | None]:
    """Computes x dK of one step.

    Args:
      update: see `Factors`.
      params: the parameters.
      carry: the carry before the step.
      pre: the pre-activation.
      kept: the second result of `keep_products`.
      d_params: the tangents of the parameters, None where there is none.

    Returns:
      As `kept`, with None for an x, and for a y whose K has no tangent.
    """
    traced = _trace(update, params, carry, pre)
    values = dict(zip(traced.variables, kept))
    tangents = jax.tree.structure(params).flatten_up_to(d_params)
    found = {
        product.y: product(values[product.x], tangents[product.leaf])
        for product in traced.products.values()
        if tangents[product.leaf] is not None
    }
    return [found.get(variable) for variable in traced.variables]


def _trace(update, params, carry, pre):
    jaxpr, out = jax.make_jaxpr(update, return_shape=True)(params, carry, pre)
    num_params = len(jax.tree.leaves(params))
    leaves = {x: leaf for leaf, x in enumerate(jaxpr.jaxpr.invars[:num_params])}
    of_step = jaxpr.jaxpr.invars[num_params:]
    most, changing = _size(of_step), set(of_step)
    products = {}
    for index, equation in enumerate(jaxpr.jaxpr.eqns):
        atoms = [x for x in equation.invars if isinstance(x, Var)]
        if changing.isdisjoint(atoms):
            continue
        changing.update(equation.outvars)
        places = [place for place, x in enumerate(atoms) if x in leaves]
        if equation.primitive in (matmul_p, lax.dot_general_p) and places:
            place, y = places[0], equation.outvars[0]
            x, kernel = atoms[1 - place], atoms[place]
            if _size([x, y]) <= most:
                products[index] = Product(equation, place, leaves[kernel], x, y)
    variables = dict.fromkeys(x for own in products.values() for x in (own.x, own.y))
    return _Traced(jaxpr, jax.tree.structure(out), products, list(variables))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _with_tangent(product, x, kernel, y):
    """Returns y, whose tangent is dx K beside its own."""
    del product, x, kernel
    return y


@_with_tangent.defjvp
def _with_tangent_jvp(product, primals, tangents):
    _, kernel, y = primals
    dx, _, source = tangents
    return y, product(dx, kernel) + source


def _call(equation, operands):
    options = equation.primitive.get_bind_params(equation.params)
    results = equation.primitive.bind(*operands, **options)
    return results if equation.primitive.multiple_results else [results]


def _size(atoms):
    return sum(math.prod(x.aval.shape) for x in atoms)
