"""Contract 1: `jax.vmap` gives what a batch gives, in every order with `grad`."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax.unroll import unroll
from tests.every import CELLS, every
from tests.loop import in_numpy, run_sequence
from tests.programs import B, draw_arguments, draw_marks, tolerance
from tests.pytrees import assert_close, part


@functools.cache
def orders(cell, engine):
    """Compiles the ways to run a batch of sequences, each under `vmap`."""

    def run(params, inputs, mask, is_first, weights):
        floats, put_back = part(params)

        def run_one(floats, inputs, mask, is_first):
            return unroll(
                cell,
                put_back(floats),
                inputs,
                mask=mask,
                is_first=is_first,
                engine=engine,
            )

        def score(floats, inputs, mask, is_first, weights):
            result = run_one(floats, inputs, mask, is_first)
            pairs = zip(part(result)[0], part(weights)[0])
            return sum(jnp.vdot(x, weight) for x, weight in pairs)

        axes = (None, 1, 1, 1)
        values = jax.vmap(run_one, axes, (0, 1))(floats, inputs, mask, is_first)
        with_weights = (*axes, (0, 1))
        scores = jax.vmap(score, with_weights)
        of_each = jax.vmap(jax.grad(score), with_weights)
        marked = inputs, mask, is_first, weights
        grad_of_sum = jax.grad(lambda floats: scores(floats, *marked).sum())(floats)
        pairs_of_params = [jnp.stack([x, 2 * x]) for x in floats]
        of_params = jax.vmap(score, (0, None, None, None, None))
        return (
            values,
            of_each(floats, *marked),
            grad_of_sum,
            of_params(pairs_of_params, *marked),
        )

    return in_numpy(run)


@every(CELLS, few=True)
def test_every_order_equals_loop(case, engine_case):
    rng = np.random.default_rng(0)
    params, _, inputs, weights = draw_arguments(case, rng)
    mask, is_first = draw_marks(rng)
    values, grad_of_each, grad_of_sum, of_params = orders(
        case.cell, engine_case.engine
    )(params, inputs, mask, is_first, weights)

    def run_one(params, b):
        own, own_steps = (lambda x: x[b]), (lambda x: x[:, b])
        return run_sequence(
            case.cell,
            params,
            None,
            jax.tree.map(own_steps, inputs),
            mask[:, b],
            is_first[:, b],
            False,
            (jax.tree.map(own, weights[0]), jax.tree.map(own_steps, weights[1])),
        )

    def score(run, b):
        floats = part((run.carry, run.outputs))[0]
        own = part(jax.tree.map(lambda x: x[b], weights[0]))[0]
        own += part(jax.tree.map(lambda x: x[:, b], weights[1]))[0]
        return sum(np.vdot(x, weight) for x, weight in zip(floats, own))

    runs = [run_one(params, b) for b in range(B)]
    tree_map = functools.partial(jax.tree.map)
    want_values = (
        tree_map(lambda *x: np.stack(x), *[run.carry for run in runs]),
        tree_map(lambda *x: np.stack(x, 1), *[run.outputs for run in runs]),
    )
    want_of_each = tree_map(lambda *x: np.stack(x), *[run.grads[0] for run in runs])
    allowed = tolerance(case, engine_case)
    assert_close(values, want_values, allowed)
    assert_close(grad_of_each, want_of_each, allowed)
    assert_close(grad_of_sum, tree_map(lambda x: x.sum(0), want_of_each), allowed)
    doubled = part(params)[1]([2 * x for x in part(params)[0]])
    want_of_params = [
        sum(score(run_one(own, b), b) for b in range(B)) for own in (params, doubled)
    ]
    assert_close(of_params, np.array(want_of_params), allowed)
