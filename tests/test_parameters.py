"""Parameters that are not the cell's or the layer's own are refused by name."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import Cell, Layer, bidirectional, dense, elman, gru, hoisted, lstm, unroll
from rnnjax.cells.lstm_convolutional import lstm_convolutional
from rnnjax.cells.lstm_projected import lstm_projected
from rnnjax.cells.lstm_variants import lstm_variant
from rnnjax.cells.wrappers.output_feedback import output_feedback
from rnnjax.layers import highway, language_model, recurrent, stack, zoneout
from rnnjax.parameters import InputsError, ParamsError, check_params
from rnnjax.trees import batch_trees, child_sum_tree_lstm, unroll_trees
from tests.cases import LayerCase
from tests.registry import CELLS, LAYERS

T, B, D, H = 7, 2, 3, 5
INPUTS = np.ones((T, B, D), np.float32)


def draw(cell, input_size=D):
    return cell.init(jax.random.key(0), input_size)


def message_of(function, *args, error=ParamsError):
    with pytest.raises(error) as caught:
        function(*args)
    return str(caught.value)


ONE, TWO = stack(recurrent(lstm(H))), stack(*[recurrent(lstm(H))] * 2)
NO_BIAS = functools.partial(elman, use_bias=False)
OF_GRU = "['bias'], ['candidate_bias'], ['kernel'], ['recurrent_kernel']."


BESIDE = "beside ['bias'], ['kernel'], ['recurrent_kernel']."


@pytest.mark.parametrize(
    ("cell", "other", "message"),
    [
        (
            *(lstm(H), lstm_variant(H, peepholes="ifo")),
            f"params['peephole_f'] must not be given, got [5] {BESIDE}",
        ),
        (
            *(lstm(H), lstm_projected(H, 4)),
            f"params['projection_kernel'] must not be given, got [5, 4] {BESIDE}",
        ),
        (lstm(6), lstm(H), "params['bias'] must be [24], got [20]."),
        (gru(H), lstm(H), "params['candidate_bias'] must be [5], got nothing."),
        (elman(H), NO_BIAS(H), "params['bias'] must be [5], got nothing."),
    ],
)
def test_parameters_of_another_cell_are_refused(cell, other, message):
    assert message_of(unroll, cell, draw(other), INPUTS) == message
    under_jit = jax.jit(lambda params: unroll(cell, params, INPUTS))
    assert message_of(under_jit, draw(other)) == message


@pytest.mark.parametrize(
    ("cell", "input_size", "inputs", "size"),
    [
        (gru(H), 4, INPUTS, 4),
        (output_feedback(gru(H), H), 4, INPUTS, 4),
        (lstm_convolutional(2, (4,), (3,)), (4, 6), np.ones((T, B, 4, D)), 6),
        (Cell(lambda key, n: {"gain": jnp.ones(n)}, None, None), 4, INPUTS[..., :1], 4),
    ],
)
def test_inputs_of_another_size_are_refused(cell, input_size, inputs, size):
    """A gain for 4 features would be broadcast to the one feature there is."""
    params, shape = draw(cell, input_size), inputs.shape[1:]
    assert message_of(unroll, cell, params, inputs, error=ValueError) == (
        f"inputs must have a last axis of {size}, got shape {shape}."
    )


@pytest.mark.parametrize(
    ("layer", "other", "message"),
    [
        (
            stack(recurrent(lstm(H)), recurrent(gru(H))),
            stack(recurrent(lstm(4)), recurrent(gru(H))),
            "inputs must have a last axis of 4 for params[1], got shape (2, 5).",
        ),
        (
            stack(dense(H), bidirectional(gru(H))),
            stack(dense(6), bidirectional(gru(H))),
            "inputs must have a last axis of 6 for params[1]['forward'], "
            "got shape (2, 5).",
        ),
    ],
)
def test_the_layer_that_needs_inputs_of_another_size_is_named(layer, other, message):
    given = layer.apply, (*draw(layer)[:1], *draw(other)[1:]), None, INPUTS
    assert message_of(jax.eval_shape, *given, error=InputsError) == message


def test_parameters_of_another_kind_of_dtype_are_refused():
    params = draw(lstm(H))
    whole = params | {"kernel": params["kernel"].astype(int)}
    message = f"params['kernel'] must be floating, got {whole['kernel'].dtype}[3, 20]."
    assert message_of(unroll, lstm(H), whole, INPUTS) == message
    half = jax.tree.map(lambda x: x.astype(jnp.bfloat16), params)
    check_params(lstm(H).init, half, INPUTS)


@pytest.mark.parametrize(
    ("layer", "other", "message"),
    [
        (
            stack(recurrent(lstm(H)), recurrent(lstm(4))),
            *(TWO, "params[1]['bias'] must be [16], got [20]."),
        ),
        (ONE, TWO, "params[1] must not be given, got it beside [0]."),
        (TWO, ONE, "params[1] must be given, got [0]."),
        (stack(recurrent(gru(H))), gru(H), f"params[0] must be given, got {OF_GRU}"),
        (
            *(bidirectional(gru(H)), gru(H)),
            f"params['forward'] must be given, got {OF_GRU}",
        ),
        (
            stack(bidirectional(gru(H), elman(4)), dense(2)),
            stack(bidirectional(gru(H), elman(6)), dense(2)),
            "params[0]['backward']['bias'] must be [4], got [6].",
        ),
        (
            *(stack(recurrent(gru(H)), dense(2)), stack(recurrent(gru(H)), dense(3))),
            "params[1]['bias'] must be [2], got [3].",
        ),
        (
            *(highway(recurrent(elman(D))), highway(recurrent(NO_BIAS(D)))),
            "params['layer']['bias'] must be [3], got nothing.",
        ),
        (
            *(zoneout(gru(H), 0.3), gru(H, use_bias=False)),
            "params['bias'] must be [15], got nothing.",
        ),
    ],
)
def test_parameters_of_another_layer_are_refused_by_their_path(layer, other, message):
    params = draw(other)
    assert message_of(jax.eval_shape, layer.apply, params, None, INPUTS) == message


def test_parameters_of_a_language_model_are_named():
    model = language_model(11, [lstm(H)], embedding_size=4)
    tied = language_model(11, [lstm(H)], embedding_size=H, tie_weights=True)
    tokens = np.ones((T, B), np.int32)

    def message(model, params):
        return message_of(jax.eval_shape, model.apply, params, None, tokens)

    params = draw(model, 11)
    wide = {**params, "body": ({"embedding": np.ones((11, 6))}, *params["body"][1:])}
    want = "params['body'][0]['embedding'] must be [any, 4], got [11, 6]."
    assert message(model, wide) == want
    other = draw(language_model(12, [lstm(H)], embedding_size=4), 12)
    head = {**params, "head": other["head"]}
    assert message(model, head) == "params['head']['bias'] must be [11], got [12]."
    untied = draw(language_model(11, [lstm(H)], embedding_size=H), 11)
    assert message(tied, untied).startswith("params['head']['kernel'] must not be")


def test_parameters_of_a_cell_over_trees_are_refused():
    cell, trees = child_sum_tree_lstm(H), batch_trees([[-1, 0, 0]])
    other = draw(child_sum_tree_lstm(H, use_bias=False))
    assert message_of(unroll_trees, cell, other, trees, np.ones((3, D))) == (
        "params['bias'] must be [20], got nothing."
    )


def changed(params):
    """Yields the path of every leaf, with parameters where it alone is wrong.

    It is missing, of another shape, of another kind or several leaves, in turn.
    """
    leaves, params_def = jax.tree.flatten(params)
    paths = [path for path, _ in jax.tree.leaves_with_path(params)]
    for i, (path, leaf) in enumerate(zip(paths, leaves)):
        kind = bool if jnp.issubdtype(leaf.dtype, jnp.integer) else jnp.int32
        wide = jax.ShapeDtypeStruct((*leaf.shape[:-1], 19), leaf.dtype)
        whole = jax.ShapeDtypeStruct(leaf.shape, kind)
        deep = {"a": leaf, "b": leaf}
        wrong = (None, wide, whole, deep)[i % 4]
        wrong_leaves = [*leaves[:i], wrong, *leaves[i + 1 :]]
        yield jax.tree_util.keystr(path), params_def.unflatten(wrong_leaves)


def in_ordinary_run(cases):
    slow = pytest.mark.slow
    return [
        pytest.param(case, marks=[] if case.every_engine else slow, id=case.name)
        for case in cases
    ]


@pytest.mark.parametrize("case", in_ordinary_run([*CELLS, *LAYERS]))
def test_every_leaf_of_every_cell_and_layer_is_checked(case):
    own = case.layer(hoisted) if isinstance(case, LayerCase) else case.cell
    apply = own.apply if isinstance(own, Layer) else functools.partial(unroll, own)
    read = case.draw(np.random.default_rng(0), (T, B), case.input_size)
    inputs = (None, read) if isinstance(own, Layer) else (read,)
    shapes = jax.eval_shape(lambda: own.init(jax.random.key(0), case.input_size))
    for path, params in changed(shapes):
        message = message_of(jax.eval_shape, apply, params, *inputs)
        assert message.startswith(f"params{path}")


def summing(init):
    """A user's cell, of any parameters."""
    return Cell(
        init,
        lambda params, batch_shape=(): jnp.zeros((*batch_shape, D)),
        lambda params, carry, inputs: (carry + inputs * params["gain"],) * 2,
    )


def needs_three_arguments(key, input_size, scale):
    return {"gain": scale * jnp.ones(input_size)}


def needs_values(key, input_size):
    return {"gain": float(jax.random.normal(key)) * jnp.ones((input_size, input_size))}


UNCHECKED = {
    "no init": None,
    "other arguments": needs_three_arguments,
    "not abstract": needs_values,
    "nothing made": lambda key, input_size: {},
}


@pytest.mark.parametrize("init", UNCHECKED.values(), ids=UNCHECKED)
def test_what_init_does_not_tell_is_not_checked(init):
    params = {"gain": jnp.full(D, 2.0)}
    _, outputs = unroll(summing(init), params, INPUTS)
    np.testing.assert_array_equal(outputs[-1], np.full((B, D), 2.0 * T))


def test_anything_may_be_bound_where_init_leaves_none():
    def init(key, input_size):
        return {"gain": jnp.ones(input_size), "memory": None}

    params = {"gain": jnp.ones(D)}
    for memory in (None, jnp.ones(2), {"keys": jnp.ones(3), "mask": jnp.ones(2, bool)}):
        check_params(init, params | {"memory": memory}, INPUTS)
    assert message_of(check_params, init, {"memory": jnp.ones(2)}, INPUTS) == (
        "params['gain'] must be [3], got nothing."
    )


def test_a_size_that_is_not_known_is_not_checked():
    """Neither by its value nor where other sizes follow from it."""

    def init(key, input_size):
        rank = min(4, input_size // 2)
        return {"gain": jnp.ones(input_size), "left": jnp.ones((rank, H))}

    inputs = {"a": INPUTS, "b": INPUTS}
    fits = {"gain": jnp.ones(9), "left": jnp.ones((3, H))}
    check_params(init, fits, inputs)
    wrong = fits | {"left": jnp.ones((3, 4))}
    message = "params['left'] must be [any, 5], got [3, 4]."
    assert message_of(check_params, init, wrong, inputs) == message


def test_other_containers_of_the_same_leaves_are_accepted():
    class Leaves(dict):
        pass

    jax.tree_util.register_pytree_with_keys(
        Leaves,
        lambda own: ([(jax.tree_util.DictKey(k), own[k]) for k in sorted(own)], None),
        lambda _, leaves: dict(zip(("bias", "kernel", "recurrent_kernel"), leaves)),
    )
    check_params(lstm(H).init, Leaves(draw(lstm(H))), INPUTS)


def test_leading_axes_may_broadcast_against_the_batch():
    params = draw(elman(H))
    for leading in ((B,), (1,)):
        own = params | {"bias": jnp.ones((*leading, H))}
        unroll(elman(H), own, INPUTS)
    for leading in ((T,), (1, B), (B + 1,)):
        own = params | {"bias": jnp.ones((*leading, H))}
        assert message_of(unroll, elman(H), own, INPUTS).startswith("params['bias']")


def test_stacked_parameters_are_checked_under_vmap():
    keys = jax.random.split(jax.random.key(0))
    both = jax.vmap(lambda key: lstm(H).init(key, D))(keys)
    run = jax.vmap(lambda params: unroll(lstm(H), params, INPUTS)[1])
    assert run(both).shape == (2, T, B, H)
    narrow = both | {"bias": both["bias"][:, 1:]}
    assert message_of(run, narrow) == "params['bias'] must be [20], got [19]."


def test_init_is_traced_once_per_input_size():
    calls = []

    def init(key, input_size):
        calls.append(input_size)
        return {"gain": jnp.ones(input_size)}

    for _ in range(3):
        unroll(summing(init), {"gain": jnp.ones(D)}, INPUTS)
        unroll(summing(init), {"gain": jnp.ones(D)}, INPUTS[1:])
    assert calls == [D]
