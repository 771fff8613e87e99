"""What the hoisted engine leaves in its loops, read from the program.

`tests/contracts` compares its values and gradients, like those of all engines.
"""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import ClosedJaxpr, Jaxpr

from rnnjax import elman, gru, hoisted, lstm, scan, unroll
from rnnjax.base import factored_cell
from rnnjax.products import matmul
from tests.every import CELLS, every_alone
from tests.programs import draw_inputs, shapes
from tests.user_cells import counting

T, B, D, H = 7, 6, 2, 5
CHEAP = [lstm(H), gru(H), elman(H)]  # no matrix in `update`


def gradient(cell, engine):
    def score(params, inputs):
        return jnp.sin(unroll(cell, params, inputs, engine=engine)[1]).sum()

    return jax.grad(score, (0, 1))


def arguments(cell, num_steps=T, batch_size=B):
    params = cell.init(jax.random.key(0), D)
    return params, jnp.ones((num_steps, batch_size, D))


def inner_jaxprs(equation):
    for value in equation.params.values():
        for inner in value if isinstance(value, tuple | list) else [value]:
            if isinstance(inner, ClosedJaxpr):
                yield inner.jaxpr
            elif isinstance(inner, Jaxpr):
                yield inner


def equations(jaxpr):
    """Yields all equations, those of inner programs included."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in inner_jaxprs(equation):
            yield from equations(inner)


def reverse_loop(cell, engine):
    """Returns the loop of backpropagation through time: its body, and what it carries.

    How a scan's parameters count these differs between versions of JAX; that what is
    carried has no axis of time does not.

    Returns:
      The body; the shapes of what it carries; those of what it reads a step of.
    """
    jaxpr = jax.make_jaxpr(gradient(cell, engine))(*arguments(cell)).jaxpr
    (loop,) = [
        equation
        for equation in equations(jaxpr)
        if equation.primitive.name == "scan" and equation.params["reverse"]
    ]
    body = loop.params["jaxpr"].jaxpr

    def shapes(inside, outside, stacked):
        pairs = [(x.aval.shape, y.aval.shape) for x, y in zip(inside, outside)]
        return [x for x, y in pairs if (x != y) == stacked]

    carried = shapes(body.outvars, loop.outvars, False)
    return body, carried, shapes(body.invars, loop.invars, True)


def matrices(params):
    return {x.shape for x in jax.tree.leaves(params) if x.ndim == 2}


def products(jaxpr):
    names = "matmul", "outer", "dot_general"
    return [x for x in equations(jaxpr) if x.primitive.name in names]


@pytest.mark.parametrize("cell", CHEAP)
def test_reverse_loop_adds_up_no_weight(cell):
    """One product a step: the carry's cotangent times the recurrent matrix.

    The loop keeps the carry and the pre-activation of a step, and computes neither
    again.
    """
    body, carried, kept = reverse_loop(cell, hoisted)
    (product,) = products(body)
    params, _ = arguments(cell)
    assert product.primitive.name == "matmul" and product.params["transposed"]
    assert product.invars[1].aval.shape == params["recurrent_kernel"].shape
    assert set(carried) == {(B, H)}
    gates = params["recurrent_kernel"].shape[1]
    # cotangents of outputs and pre-activations come beside what is kept
    assert sum(shape[-1] for shape in kept) <= 2 * H + gates + H + H


def test_scan_adds_up_every_weight():
    """The test above would see this if the weights had not left the loop."""
    cell = lstm(H)
    body, carried, _ = reverse_loop(cell, scan)
    names = [x.primitive.name for x in products(body)]
    assert names.count("outer") == 2
    assert matrices(arguments(cell)[0]) <= set(carried)


def test_matrix_in_update_leaves_the_loop():
    """Nor is its product computed again."""
    cell = gru(H, reset_after=False)
    body, carried, _ = reverse_loop(cell, hoisted)
    found = products(body)
    assert [x.primitive.name for x in found] == ["matmul", "matmul"]
    assert all(x.params["transposed"] for x in found)
    assert set(carried) == {(B, H)}


def test_large_product_in_update_stays_in_the_loop():
    """Keeping it would take more memory than all else that is kept of a step."""

    def update(params, carry, pre):
        raised = jnp.tanh(matmul(carry.h[..., None] ** 2, params["one_row"]))
        return cell.factors.update(params, carry, pre)._replace(h=raised.sum(axis=-1))

    cell = lstm(H)
    own = factored_cell(
        lambda key, size: {**cell.init(key, size), "one_row": jnp.ones((1, 20 * H))},
        cell.initial_carry,
        cell.factors._replace(update=update),
    )
    body, carried, _ = reverse_loop(own, hoisted)
    assert "outer" in [x.primitive.name for x in products(body)]
    assert (1, 20 * H) in carried


@pytest.mark.parametrize("cell", [lstm(H), gru(H)])
def test_weights_stand_where_they_are_cheap(cell):
    """No loop of the program moves a matrix; the reverse one reads it transposed."""
    text = jax.jit(gradient(cell, hoisted)).lower(*arguments(cell)).compile().as_text()
    params, _ = arguments(cell)
    gates = params["recurrent_kernel"].shape[1]
    computations = dict(
        re.findall(r"^%([\w.\-]+) \(.*?\{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)
    )
    bodies = [computations[x] for x in set(re.findall(r"body=%([\w.\-]+)", text))]
    read = [
        set(re.findall(r"= f32\[(\d+,\d+)\]\S* get-tuple-element", body))
        for body in bodies
    ]
    made = re.findall(r"= f32\[(\d+,\d+)\]\S* (?!get-tuple-element)\w", "".join(bodies))
    upright, turned = f"{H},{gates}", f"{gates},{H}"
    assert made and upright not in made and turned not in made
    assert sorted((upright in x, turned in x) for x in read) == [
        (False, True),
        (True, False),
    ]


def share_of_memory(make, batch_size):
    """Returns the share of `scan`'s memory that a program of an LSTM works in."""
    cell = lstm(64)
    hoisting, scanning = (
        jax.jit(make(cell, engine)).lower(*arguments(cell, 100, batch_size)).compile()
        for engine in (hoisted, scan)
    )
    found, whole = (x.memory_analysis() for x in (hoisting, scanning))
    return found.temp_size_in_bytes / whole.temp_size_in_bytes


def test_evaluation_keeps_no_residuals():
    """Forward alone needs no more memory than the loop that saves nothing."""

    def last(cell, engine):
        return lambda params, x: unroll(cell, params, x, engine=engine)[1][-1]

    assert share_of_memory(last, B) <= 1.1


def test_training_needs_less_memory_than_scan():
    """A tenth on JAX 0.10; 0.12 lets `scan` itself do with less than before."""
    share = 0.9 if jax.__version_info__ < (0, 11) else 0.95
    assert share_of_memory(gradient, 32) <= share


def test_loop_compiles_once_a_shape():
    """Also when called eagerly, and for any values."""
    compiled = []

    def listen(event, duration, **_):
        compiled.extend([event] * event.endswith("backend_compile_duration"))

    jax.monitoring.register_event_duration_secs_listener(listen)
    cell = lstm(4)
    params = cell.init(jax.random.key(0), D)
    inputs = np.ones((T, B, D), np.float32)
    carry, _ = unroll(lstm(hidden_size=4), params, inputs)
    carry, _ = unroll(cell, params, inputs, carry=carry)
    seen = len(compiled)
    for scale in (2, 3, 4):
        carry, _ = unroll(lstm(4), params, scale * inputs, carry=carry)
    assert len(compiled) == seen
    unroll(cell, params, inputs[1:], carry=carry)
    assert len(compiled) > seen


def test_step_without_factors_runs_as_scan_runs_it():
    cell = counting(H)
    params = cell.init(jax.random.key(0), D)
    inputs = {"features": jnp.ones((T, D)), "gain": jnp.ones(T)}

    texts = {
        str(jax.make_jaxpr(lambda x: unroll(cell, params, x, engine=engine))(inputs))  # noqa: B023
        for engine in (hoisted, scan)
    }
    assert len(texts) == 1


@every_alone(CELLS)
def test_gradient_lowers_for_accelerators(case):
    """On a machine without accelerators."""
    params, _ = shapes(case, (T, B))
    inputs = draw_inputs(case, np.random.default_rng(0), (T, B), np.float32)

    def score(params, inputs):
        _, outputs = unroll(case.cell, params, inputs)
        return sum(x.astype(jnp.float32).sum() for x in jax.tree.leaves(outputs))

    exported = jax.export.export(
        jax.jit(jax.grad(score, allow_int=True)), platforms=("cuda", "tpu")
    )
    assert exported(params, inputs).platforms == ("cuda", "tpu")
