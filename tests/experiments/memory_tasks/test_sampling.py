"""The sequences of every task, their scores, and the scores of chance."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.data.images import dot_digits
from experiments.memory_tasks import arithmetic, digits, symbols
from experiments.memory_tasks.loading import SEQUENCES
from experiments.memory_tasks.task import Sequences
from tests.data.test_images import write_idx

B = 200
NUM_STEPS = 23


def sampled(task, batch_size=B):
    key = jax.random.key(0, impl="unsafe_rbg")  # compiles fast
    sequences = jax.jit(task.sample, static_argnums=1)(key, batch_size)
    return jax.tree.map(np.asarray, sequences)


@pytest.mark.parametrize("name", ["adding_bai", "adding_le"])
def test_adding_sums_the_two_marked(name):
    inputs, targets, mask = sampled(SEQUENCES[name](NUM_STEPS))
    values, marks = inputs[..., 0], inputs[..., 1]
    assert mask is None and inputs.shape == (NUM_STEPS, B, 2)
    assert (np.sort(marks, axis=0)[-2:] == 1).all() and (marks.sum(axis=0) == 2).all()
    np.testing.assert_allclose((values * marks).sum(axis=0), targets, rtol=1e-6)
    assert 0 <= values.min() < 0.05 and 0.95 < values.max() < 1
    in_first_half = set(marks[: NUM_STEPS // 2].sum(axis=0))
    assert in_first_half == ({1} if name == "adding_le" else {0, 1, 2})
    assert sampled(SEQUENCES[name](2)).inputs[..., 1].all()  # the shortest


@pytest.mark.parametrize(
    ("make", "lowest", "first", "combine"),
    [
        (arithmetic.adding_1997, -1, 0, lambda a, b: 0.5 + (a + b) / 4),
        (arithmetic.multiplication, 0, 1, lambda a, b: a * b),
    ],
)
def test_the_problems_of_1997(make, lowest, first, combine):
    inputs, targets, mask = sampled(make(NUM_STEPS), 300)
    lengths = mask.sum(axis=0)
    assert set(lengths) == {23, 24, 25} and (np.diff(mask * 1.0, axis=0) <= 0).all()
    assert lowest <= inputs[..., 0].min() < lowest + 0.01
    firsts = seconds = 0
    for b in range(300):
        values, marks = inputs[: lengths[b], b].T
        at = np.flatnonzero(marks == 1)
        assert len(at) == 2 and at.min() < 10 and at.max() < NUM_STEPS // 2 - 1
        assert marks[-1] == -1 and marks[0] == (1 if at[0] == 0 else -1)
        assert (np.delete(marks, np.array([0, *at, lengths[b] - 1])) == 0).all()
        assert values[0] == first or at[0] != 0
        np.testing.assert_allclose(combine(*values[at]), targets[b], rtol=1e-5)
        firsts, seconds = firsts + (at[0] == 0), max(seconds, at.max())
    assert 20 < firsts < 120 and seconds == NUM_STEPS // 2 - 2


@pytest.mark.parametrize("name", ["adding_bai", "adding_1997", "multiplication"])
def test_chance_is_the_score_of_the_best_constant_answer(name):
    task = SEQUENCES[name](NUM_STEPS)
    targets = sampled(task, 20_000).targets

    @jax.jit
    def mean_score(answer):
        answers = jnp.full((1, 20_000, 1), answer)
        return task.score(answers, Sequences(answers, targets)).mean()

    scores = [mean_score(answer) for answer in np.linspace(0, 1.2, 121)]
    assert abs(min(scores) - task.chance) < 0.012


@pytest.mark.parametrize(
    ("make", "tenths"),
    [(symbols.temporal_order, (1, 5)), (symbols.temporal_order_3, (1, 3, 6))],
)
def test_temporal_order(make, tenths):
    num_steps = 30
    inputs, targets, _ = sampled(make(num_steps))
    symbol = inputs.argmax(axis=-1)
    assert (inputs.sum(axis=-1) == 1).all() and set(symbol.flat) == set(range(6))
    counts = symbol < 2
    assert (counts.sum(axis=0) == len(tenths)).all()
    classes = 0
    for i, tenth in enumerate(tenths):
        window = slice(3 * tenth, 3 * tenth + 3)
        assert counts[window].any(axis=1).all() and (counts[window].sum(0) == 1).all()
        which = np.where(counts, symbol, 0)[window].sum(axis=0)
        classes = classes + which * 2**i
    np.testing.assert_array_equal(classes, targets)
    assert set(targets) == set(range(2 ** len(tenths)))


def test_copy_memorization_and_permutation():
    task = symbols.copy(7)
    inputs, targets, _ = sampled(task)
    symbol = inputs.argmax(axis=-1)
    assert inputs.shape == (27, B, 10) and targets.shape == (27, B)
    np.testing.assert_array_equal(symbol[:10], targets[-10:])
    assert (targets[:17] == 8).all() and set(symbol[:10].flat) == set(range(8))
    assert (symbol[10:16] == 8).all() and (symbol[17:] == 8).all()
    assert (symbol[16] == 9).all()
    # a network that forgets scores as chance
    logits = np.full((27, B, 9), -1e9, np.float32)
    logits[:17, :, 8] = logits[17:, :, :8] = 0
    scores = jax.jit(task.score)(logits, Sequences(inputs, targets))
    assert abs(scores.mean() - task.chance) < 1e-5
    assert abs(task.chance - 10 * math.log(8) / 27) < 1e-9

    inputs, targets, _ = sampled(symbols.memorization(7))
    symbol = inputs.argmax(axis=-1)
    assert inputs.shape == (27, B, 7) and (symbol[17] == 6).all()
    assert (np.delete(symbol, 17, axis=0)[10:] == 5).all()
    np.testing.assert_array_equal(symbol[:10], targets[-10:])

    inputs, targets, _ = sampled(symbols.permutation(NUM_STEPS))
    symbol = inputs.argmax(axis=-1)
    np.testing.assert_array_equal(symbol[0], targets)
    assert set(targets) == {0, 1} and set(symbol[1:].flat) == set(range(2, 100))


def test_scores_of_known_answers():
    outputs = jnp.array([[[9.0], [9.0]], [[0.51], [0.7]], [[9.0], [0.55]]])
    mask = jnp.array([[True, True], [True, True], [False, True]])
    sequences = Sequences(outputs, jnp.array([0.5, 0.5]), mask)
    task = arithmetic.adding_1997(22)
    np.testing.assert_array_equal(task.score(outputs, sequences), [0, 1])
    np.testing.assert_allclose(task.loss(outputs, sequences), [1e-4, 2.5e-3], rtol=1e-4)
    targets = np.zeros((21, 3), int)
    targets[-10:] = 2
    answers = targets.copy()
    answers[3, 0] = answers[-1, 1] = 4
    logits = jnp.asarray(np.eye(6)[answers])
    task = symbols.memorization(1)
    wrong = task.score(logits, Sequences(logits, jnp.asarray(targets)))
    np.testing.assert_array_equal(wrong, [0, 1, 0])


def test_digits_are_read_in_order():
    pictures = np.random.default_rng(1).normal(size=(3, 4, 4)).astype(np.float32)
    images = digits.Images(
        4,
        lambda key, size: (jnp.asarray(pictures), jnp.arange(3)),
        lambda key, index, size: (jnp.asarray(pictures + 1), jnp.arange(3)),
    )
    by_row = digits.rows(images)
    assert (by_row.input_size, by_row.output_size) == (4, 10)
    rows_first = np.swapaxes(pictures, 0, 1)
    np.testing.assert_array_equal(sampled(by_row).inputs, rows_first)
    tests = by_row.sample_test(jax.random.key(0), 0, 3)
    np.testing.assert_array_equal(tests.inputs, rows_first + 1)
    by_pixel = sampled(digits.pixels(images)).inputs
    np.testing.assert_array_equal(by_pixel[..., 0], pictures.reshape(3, 16).T)
    permuted = sampled(digits.permuted_pixels(images)).inputs
    assert not np.array_equal(permuted, by_pixel)
    np.testing.assert_array_equal(np.sort(permuted, 0), np.sort(by_pixel, 0))


def test_dot_matrix_digits_differ():
    pictures, labels = sampled(digits.dot_matrix(), 400)
    assert pictures.shape == (400, 8, 8) and set(labels) == set(range(10))
    dots = dot_digits().sum(axis=(1, 2))
    assert np.abs((pictures > 0.5).sum(axis=(1, 2)) - dots[labels]).mean() < 2


def test_mnist_comes_from_its_files(tmp_path):
    rng, paths, sizes = np.random.default_rng(0), {}, (("train", 5), ("t10k", 3))
    arrays = {name: rng.integers(0, 256, (n, 2, 2)) for name, n in sizes}
    for name, pictures in arrays.items():
        labels = np.arange(len(pictures))
        for kind, array in {"images-idx3": pictures, "labels-idx1": labels}.items():
            file = f"{name}-{kind}-ubyte"
            paths[file] = write_idx(tmp_path / file, array)
    images = digits.mnist(paths)
    pictures, labels = sampled(images, 50)
    np.testing.assert_allclose(pictures, arrays["train"][labels] / 255, rtol=1e-6)
    assert set(labels.tolist()) == set(range(5))
    pictures, labels = images.sample_test(jax.random.key(0), 1, 2)
    assert labels.tolist() == [2, 0]
    np.testing.assert_allclose(pictures, arrays["t10k"][labels] / 255, rtol=1e-6)


OF_TEN = "so that the first ten lie in its first half"
SHORTEST = {
    ("adding_bai", "adding_le"): (2, "a step for each mark"),
    ("adding_1997", "multiplication"): (22, OF_TEN),
    ("temporal_order", "temporal_order_3"): (10, "a step for each relevant symbol"),
    ("copy",): (1, "a step for the delimiter"),
    ("memorization",): (1, "a step between symbols and trigger"),
    ("permutation",): (2, "one to remember and one to forget"),
}


@pytest.mark.parametrize("names", SHORTEST)
def test_a_task_shorter_than_its_markers_need(names):
    least, why = SHORTEST[names]
    for make in map(SEQUENCES.get, names):
        make(least)
        message = f"num_steps must be at least {least}, {why}, got {least - 1}"
        with pytest.raises(ValueError, match=message):
            make(least - 1)
