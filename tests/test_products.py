"""The product that engines know: every derivative equals that of `@`."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax.products import matmul
from tests.pytrees import assert_close
from tests.refusals import refuses

T, B, D, H = 7, 3, 2, 5
AXES = [(None, None), (0, None), (1, None), (2, None), (None, 0), (None, 2), (1, 0)]


def operands(axes):
    """Draws inputs `[T, B, D]` and a kernel `[D, H]`, mapped axes of 4 put in."""
    rng = np.random.default_rng(0)
    shapes = [[T, B, D], [D, H]]
    for shape, axis in zip(shapes, axes):
        if axis is not None:
            shape.insert(axis, 4)
    return [rng.normal(size=shape) for shape in shapes]


def score(product, inputs, kernel):
    return jnp.sin(product(inputs, kernel)).sum()


def orders(product, axes):
    """Returns the value and the derivatives of a product, each under `vmap`."""
    of_each = functools.partial(score, product)
    grad = jax.grad(of_each, (0, 1))

    def mapped(function):
        return function if axes == (None, None) else jax.vmap(function, axes)

    def of_all(*operands):
        return (mapped(of_each)(*operands) ** 2).sum()

    return {
        "value": mapped(product),
        "gradient": mapped(grad),
        "gradient of all": jax.grad(of_all, (0, 1)),
        "reverse over reverse": mapped(jax.jacrev(grad, (0, 1))),
        "forward over reverse": mapped(jax.jacfwd(grad, (0, 1))),
        "of all, twice": jax.jacrev(jax.grad(of_all, (0, 1)), (0, 1)),
    }


@pytest.mark.parametrize("axes", AXES)
def test_derivatives_are_those_of_the_operator(x64, axes):
    given = operands(axes)
    got = jax.jit(lambda *x: {k: f(*x) for k, f in orders(matmul, axes).items()})
    want = jax.jit(lambda *x: {k: f(*x) for k, f in orders(jnp.matmul, axes).items()})
    assert_close(got(*given), want(*given), 1e-12)


def products_of(jaxpr):
    """Lists the products in a jaxpr: names and shapes of operands."""
    return [
        (equation.primitive.name, *(x.aval.shape for x in equation.invars))
        for equation in jaxpr.jaxpr.eqns
        if equation.primitive.name in ("matmul", "outer", "dot_general")
    ]


def test_mapped_vectors_become_one_product(x64):
    """The gradient under `vmap` is one product over all, not one for each and a sum."""
    inputs, kernel = operands((None, None))

    def of_all(inputs, kernel):
        return jax.vmap(functools.partial(score, matmul), (1, None))(
            inputs, kernel
        ).sum()

    made = products_of(jax.make_jaxpr(jax.grad(of_all, (0, 1)))(inputs, kernel))
    assert sorted(made) == [
        ("matmul", (B, T, D), (D, H)),
        ("matmul", (B, T, H), (D, H)),
        ("outer", (B, T, D), (B, T, H)),
    ]


@pytest.mark.parametrize("precision", ["highest", "BF16_BF16_F32"])
def test_precision_in_force_is_kept(precision):
    x, kernel = jnp.ones((B, D)), jnp.ones((D, H))

    def product(x, kernel):
        with jax.default_matmul_precision(precision):
            return matmul(x, kernel)

    def of_jax(x, kernel):
        return jnp.matmul(x, kernel, precision=precision)

    texts = [jax.jit(f).lower(x, kernel).as_text() for f in (product, of_jax)]
    dots = [
        [line.split(", precision")[1] for line in text.splitlines() if "dot_g" in line]
        for text in texts
    ]
    assert dots[0] == dots[1] and len(dots[0]) == 1


def test_rounded_product_sums_in_float32():
    """Backwards too: what goes in is rounded, neither the sum nor what comes out."""
    rng = np.random.default_rng(0)
    shapes = (300, 500), (500, H), (300, H)
    given = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    product = functools.partial(matmul, compute_dtype=jnp.bfloat16)
    value, pull = jax.vjp(product, *given[:2])
    x, kernel, weight = (np.float64(jnp.bfloat16(array)) for array in given)
    want = x @ kernel, (weight @ kernel.T, x.T @ weight)
    assert_close((value, pull(jnp.asarray(given[2]))), want, 1e-6)
    assert value.dtype == np.float32
    assert np.abs(value - given[0] @ given[1]).max() > 1e-3


def test_a_vector_few_rows_and_many_agree(x64):
    """A processor lays a kernel out for five rows and not for four."""
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(D, H))
    for rows in ((), (1,), (4,), (5,), (9,)):
        x, weight = rng.normal(size=(*rows, D)), rng.normal(size=(*rows, H))
        value, pull = jax.vjp(matmul, x, kernel)
        of_kernel = np.atleast_2d(x).T @ np.atleast_2d(weight)
        assert_close(value, x @ kernel, 1e-15)
        assert_close(pull(weight), (weight @ kernel.T, of_kernel), 1e-14)


test_other_width_is_refused = refuses(
    (
        matmul,
        jnp.ones((B, H)),
        jnp.ones((D, H)),
        r"inputs must have a last axis of 2, got shape \(3, 5\)\.",
    )
)
