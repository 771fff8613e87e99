"""What every maker promises beside its equations: caching, options, initial values."""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.nn import initializers

from rnnjax import cell_catalogue

H, D, B = 40, 400, 3  # wide enough to see how matrices are drawn
ENTRIES = [entry for entry in cell_catalogue() if entry.made is None]
GATE_BIASES = ("forget_bias", "update_bias", "transform_bias")
FIRST = {"janet", "ugrnn"}  # their gate stands first, in all others second
ORTHOGONAL = {
    "recurrent_kernel",
    "candidate_kernel",
    "update_kernel",
    "gate_kernel",
    "recurrent_factor_kernel",
    "velocity_kernel",
}


def options_of(entry):
    """Returns the options of a maker and their defaults."""
    parameters = inspect.signature(entry.maker).parameters.values()
    return {x.name: x.default for x in parameters if x.default is not x.empty}


def of_entries(*options, leave_out=()):
    """Parametrizes a test by the entries whose makers take some options.

    Those of the makers called `leave_out` are left out.
    """
    entries = [
        entry
        for entry in ENTRIES
        if options_of(entry).keys() >= set(options)
        and entry.maker.__name__ not in leave_out
    ]
    return pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.call)


# a kernel of qrnn is one of several, with the fan of all of them
of_drawn = of_entries("bias_init", "kernel_init", leave_out={"qrnn"})


def shapes_of(entry, **options):
    size = entry.test_size
    cell, input_size = entry.make(size, **options), entry.input_size(size)
    return jax.eval_shape(lambda key: cell.init(key, input_size), jax.random.key(0))


def features_of(entry):
    return D // 10 if entry.space else D  # there are many positions


@functools.cache
def draw(entry, seed):
    """Draws the parameters of a wide cell."""
    cell = entry.make(
        H,
        kernel_init=initializers.glorot_uniform(),
        bias_init=initializers.normal(1.0),
        **dict.fromkeys(options_of(entry).keys() & set(GATE_BIASES), 0.0),
    )
    params = cell.init(jax.random.key(seed), entry.input_size(features_of(entry)))
    return jax.tree.map(np.asarray, params)


def gates_of(kernel):
    """Parts a kernel into the `[rows, H]` matrices side by side in it."""
    if kernel.ndim == 3 and kernel.shape[0] != H:  # of several layers
        kernel = kernel.swapaxes(0, 1)
    rows = kernel.shape[0] if kernel.shape[0] >= H else np.prod(kernel.shape[:-1])
    columns = kernel.reshape(rows, -1)
    return np.split(columns, columns.shape[1] // H, axis=1)


@of_entries()
def test_equal_options_give_the_same_cell(entry):
    size = entry.test_size
    cell, options = entry.make(size), options_of(entry) | entry.arguments
    first = next(iter(inspect.signature(entry.maker).parameters))
    assert entry.maker(**{first: size}, **entry.arguments) is cell
    assert entry.maker(size, **options) is cell
    changes = [{"use_bias": False}, {"dtype": jnp.bfloat16}]
    changes = [change for change in changes if change.keys() <= options.keys()]
    for other in (entry.make(2 * size), *(entry.make(size, **x) for x in changes)):
        assert other is not cell


@of_entries()
def test_unknown_options_are_refused(entry):
    known = inspect.signature(entry.maker).parameters.values()
    passed_on = any(x.kind is x.VAR_KEYWORD for x in known)
    names = {"use_biass", "kernel_init", "recurrent_kernel_init", "bias_init"}
    for name in {"use_biass"} if passed_on else names - {x.name for x in known}:
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
            entry.make(entry.test_size, **{name: initializers.ones})


@of_entries("use_bias")
def test_options_that_are_off_leave_no_leaf(entry):
    biased, plain = (shapes_of(entry, use_bias=use_bias) for use_bias in (True, False))
    assert {name for name in biased if "bias" in name}
    assert set(plain) == {name for name in biased if "bias" not in name}


@of_drawn
def test_all_that_is_random_depends_on_the_key(entry):
    one, other = draw(entry, 0), draw(entry, 1)
    maker = entry.maker.__name__
    for name in one:
        constant = (
            name.startswith("peephole_")
            or (name.endswith("scale") and maker != "indrnn")
            or (name == "recurrent_kernel" and maker == "fast_weights")
        )
        assert np.array_equal(one[name], other[name]) == constant, name


@of_drawn
def test_biases_are_what_their_initializer_draws(entry):
    params = draw(entry, 0)
    biases = [params[name].ravel() for name in params if "bias" in name]
    biases = np.concatenate(biases)
    assert abs(biases.std() - 1) < 0.4
    assert len(np.unique(biases)) == len(biases)


@of_entries(
    "bias_init",
    "kernel_init",
    "recurrent_kernel_init",
    # starts otherwise; not a matrix; its matrices lie below each other
    leave_out={"fast_weights", "antisymmetric_rnn", "higher_order"},
)
def test_every_recurrent_matrix_is_orthogonal(entry):
    """Each of a gate by itself, and no two alike."""
    params = draw(entry, 0)
    gates = [gates_of(params[name]) for name in sorted(ORTHOGONAL & params.keys())]
    gates = [gate for own in gates for gate in own]
    assert gates
    for gate in gates:
        np.testing.assert_allclose(gate.T @ gate, np.eye(H), atol=1e-5)
    for first, second in zip(gates, gates[1:]):
        assert first.shape != second.shape or not np.allclose(first, second, atol=0.1)


@of_drawn
def test_every_gate_has_its_own_fan(entry):
    """Each input matrix is drawn as of D by H, not as that of all gates."""
    kernel = draw(entry, 0)["kernel"]
    taps = np.prod(kernel.shape[:-2])
    for gate in gates_of(kernel):
        fans = taps * (features_of(entry) + H)
        assert abs(gate.var() * fans / 2 - 1) < 0.05


@of_entries("bias_init", "dtype")
def test_initial_carry_is_zeros_of_the_parameters_dtype(entry):
    cell = entry.make(entry.test_size)
    for dtype in (jnp.float32, jnp.bfloat16):
        shapes = shapes_of(entry, dtype=dtype)
        assert {x.dtype for x in shapes.values()} == {np.dtype(dtype)}
        params = jax.tree.map(lambda x: jnp.ones(x.shape, x.dtype), shapes)
        leaves = jax.tree.leaves(cell.initial_carry(params, (4, B)))
        assert len({id(leaf) for leaf in leaves}) == len(leaves)  # each can be donated
        for leaf in leaves:
            assert leaf.shape[:2] == (4, B) and not leaf.any()
            assert leaf.dtype == dtype or not jnp.issubdtype(leaf.dtype, jnp.floating)


@pytest.mark.parametrize("added", [2.5, initializers.constant(2.5)])
@pytest.mark.parametrize("name", GATE_BIASES)
def test_gate_biases_are_added_to_what_is_drawn(name, added):
    """A number or an initializer, to one gate and to no other."""
    entries = [entry for entry in ENTRIES if name in options_of(entry)]
    assert entries
    for entry in entries:
        size = entry.test_size
        names = {"kernel_init", "recurrent_kernel_init"} & options_of(entry).keys()
        options = dict.fromkeys(names, initializers.zeros) | {name: added}
        cell = entry.make(size, bias_init=initializers.constant(-1.0), **options)
        bias = cell.init(jax.random.key(0), entry.input_size(size))["bias"]
        bias = bias.reshape(-1, bias.shape[-1] // size, size)
        want = np.full(bias.shape, -1.0)
        if "f" in entry.arguments.get("gates", "f"):
            want[:, 0 if entry.maker.__name__ in FIRST else 1] = 1.5
        np.testing.assert_array_equal(bias, want)


@of_entries()
def test_bad_sizes_are_named(entry):
    for size in (0, -3, 2.5):
        message = f"_size must be a positive whole number, got {size}"
        with pytest.raises(ValueError, match=message):
            entry.make(size)
