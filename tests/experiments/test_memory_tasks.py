"""The memory tasks: what is drawn, what counts as solved, and the command itself."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import memory_tasks
from experiments.harness.command import BAD_INPUT, DONE, run_command
from experiments.memory import arithmetic, digits, symbols
from experiments.memory.grid import Hyperparameters, grid_points, make_settings
from experiments.memory.networks import cell_makers, make_network
from experiments.memory.success import wilson_interval
from experiments.memory.task import Sequences
from experiments.memory.tasks import SEQUENCES
from experiments.memory.training import make_gradients, make_penalized_gradients

B = 40
NUM_STEPS = 23
BASE = Hyperparameters(0.01, 1.0, 4.0)


def drawn(task, batch_size=B):
    sequences = task.draw(jax.random.key(0), batch_size)
    return jax.tree.map(np.asarray, sequences)


@pytest.mark.parametrize("make", [arithmetic.adding_bai, arithmetic.adding_le])
def test_adding_sums_the_two_marked(make):
    inputs, targets, mask = drawn(make(NUM_STEPS))
    values, marks = inputs[..., 0], inputs[..., 1]
    assert mask is None and inputs.shape == (NUM_STEPS, B, 2)
    assert (np.sort(marks, axis=0)[-2:] == 1).all() and (marks.sum(axis=0) == 2).all()
    np.testing.assert_allclose((values * marks).sum(axis=0), targets, rtol=1e-6)
    assert 0 <= values.min() < 0.05 and 0.95 < values.max() < 1


def test_the_two_definitions_of_where_the_marks_are():
    marks = drawn(arithmetic.adding_le(NUM_STEPS)).inputs[..., 1]
    assert (marks[: NUM_STEPS // 2].sum(axis=0) == 1).all()
    marks = drawn(arithmetic.adding_bai(NUM_STEPS)).inputs[..., 1]
    halves = marks[: NUM_STEPS // 2].sum(axis=0)
    assert set(halves) == {0, 1, 2}
    assert drawn(arithmetic.adding_bai(2)).inputs[..., 1].all()


@pytest.mark.parametrize(
    ("make", "lowest", "first", "combine"),
    [
        (arithmetic.adding_1997, -1, 0, lambda a, b: 0.5 + (a + b) / 4),
        (arithmetic.multiplication, 0, 1, lambda a, b: a * b),
    ],
)
def test_the_problems_of_1997(make, lowest, first, combine):
    inputs, targets, mask = drawn(make(NUM_STEPS), 300)
    lengths = mask.sum(axis=0)
    assert set(lengths) == {23, 24, 25} and (np.diff(mask * 1.0, axis=0) <= 0).all()
    assert lowest <= inputs[..., 0].min() < lowest + 0.01
    firsts = seconds = 0
    for b in range(300):
        values, marks = inputs[: lengths[b], b].T
        at = np.flatnonzero(marks == 1)
        assert len(at) == 2 and at.min() < 10 and at.max() < NUM_STEPS // 2 - 1
        assert marks[-1] == -1 and marks[0] == (1 if at[0] == 0 else -1)
        assert (np.delete(marks, [0, *at, lengths[b] - 1]) == 0).all()
        assert values[0] == first or at[0] != 0
        np.testing.assert_allclose(combine(*values[at]), targets[b], rtol=1e-5)
        firsts, seconds = firsts + (at[0] == 0), max(seconds, at.max())
    assert 20 < firsts < 120 and seconds == NUM_STEPS // 2 - 2


@pytest.mark.parametrize("name", ["adding_bai", "adding_1997", "multiplication"])
def test_a_guess_is_as_good_as_it_says(name):
    """The best of many constant answers, over many sequences, has the guess's score."""
    task = SEQUENCES[name](NUM_STEPS)
    targets = jnp.asarray(drawn(task, 20_000).targets)
    answers = jnp.broadcast_to(jnp.linspace(0, 1.2, 121)[:, None], (121, 20_000))
    scores = jax.vmap(
        lambda answer: task.score(answer[None, :, None], Sequences(answer, targets))
    )(answers)
    assert abs(scores.mean(axis=1).min() - task.guess) < 0.012


@pytest.mark.parametrize(
    ("make", "tenths"),
    [(symbols.temporal_order, (1, 5)), (symbols.temporal_order_3, (1, 3, 6))],
)
def test_temporal_order(make, tenths):
    num_steps = 30
    inputs, targets, _ = drawn(make(num_steps), 200)
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


def test_copy_and_memorization():
    inputs, targets, _ = drawn(symbols.copy(7))
    symbol = inputs.argmax(axis=-1)
    assert inputs.shape == (27, B, 10) and targets.shape == (27, B)
    np.testing.assert_array_equal(symbol[:10], targets[-10:])
    assert (targets[:17] == 8).all() and set(symbol[:10].flat) == set(range(8))
    assert (symbol[10:16] == 8).all() and (symbol[17:] == 8).all()
    assert (symbol[16] == 9).all()
    inputs, targets, _ = drawn(symbols.memorization(7))
    symbol = inputs.argmax(axis=-1)
    assert inputs.shape == (27, B, 7) and (symbol[17] == 6).all()
    assert (np.delete(symbol, 17, axis=0)[10:] == 5).all()
    np.testing.assert_array_equal(symbol[:10], targets[-10:])


def test_one_who_forgets_in_the_copy_problem_has_the_score_of_a_guess():
    task = symbols.copy(13)
    sequences = drawn(task)
    logits = np.full((33, B, 9), -1e9, np.float32)
    logits[:23, :, 8] = 0
    logits[23:, :, :8] = 0
    scores = task.score(jnp.asarray(logits), jax.tree.map(jnp.asarray, sequences))
    assert abs(scores.mean() - task.guess) < 1e-5
    assert abs(task.guess - 10 * math.log(8) / 33) < 1e-9


def test_permutation():
    inputs, targets, _ = drawn(symbols.permutation(NUM_STEPS), 200)
    symbol = inputs.argmax(axis=-1)
    np.testing.assert_array_equal(symbol[0], targets)
    assert set(targets) == {0, 1} and set(symbol[1:].flat) == set(range(2, 100))


def test_what_is_wrong():
    """Each judge against answers of which it is known."""
    outputs = jnp.array([[[9.0], [9.0]], [[0.51], [0.7]], [[9.0], [0.55]]])
    mask = jnp.array([[True, True], [True, True], [False, True]])
    sequences = Sequences(outputs, jnp.array([0.5, 0.5]), mask)
    task = arithmetic.adding_1997(22)
    np.testing.assert_array_equal(task.score(outputs, sequences), [0, 1])
    np.testing.assert_allclose(task.loss(outputs, sequences), [1e-4, 2.5e-3], rtol=1e-4)
    task = symbols.memorization(1)
    targets = jnp.zeros((21, 3), int).at[-10:].set(2)
    answers = targets.at[3, 0].set(4).at[-1, 1].set(4)
    logits = jax.nn.one_hot(answers, 6)
    wrong = task.score(logits, Sequences(logits, targets))
    np.testing.assert_array_equal(wrong, [0, 1, 0])


def test_digits_are_read_in_order():
    pictures = jax.random.normal(jax.random.key(1), (3, 4, 4))
    images = digits.Images(
        4,
        lambda key, size: (pictures, jnp.arange(3)),
        lambda key, index, size: (pictures + 1, jnp.arange(3)),
    )
    by_row = digits.rows(images)
    assert (by_row.input_size, by_row.output_size) == (4, 10)
    np.testing.assert_array_equal(drawn(by_row).inputs[2, 1], pictures[1, 2])
    by_pixel = drawn(digits.pixels(images)).inputs
    np.testing.assert_array_equal(by_pixel[2 * 4 + 3, 1], pictures[1, 2, 3:])
    permuted = drawn(digits.permuted_pixels(images)).inputs
    assert not np.array_equal(permuted, by_pixel)
    np.testing.assert_array_equal(np.sort(permuted, 0), np.sort(by_pixel, 0))
    tests = by_row.draw_test(jax.random.key(0), 0, 3)
    np.testing.assert_array_equal(tests.inputs[2, 1], pictures[1, 2] + 1)


def test_dot_matrix_digits_differ():
    pictures, labels = digits.dot_matrix().draw(jax.random.key(0), 400)
    assert pictures.shape == (400, 8, 8) and set(labels.tolist()) == set(range(10))
    light = np.asarray((pictures > 0.5).sum(axis=(1, 2)))
    dots = np.array([sum(line.split()[d].count("#") for line in LINES) for d in DIGITS])
    assert np.abs(light - dots[np.asarray(labels)]).mean() < 2


LINES = [line for line in digits.GLYPHS.split("\n") if line]
DIGITS = range(10)


def test_mnist_comes_from_its_files(tmp_path):
    rng = np.random.default_rng(0)
    paths, arrays = {}, {}
    for name, number in (("train", 5), ("t10k", 3)):
        arrays[name] = rng.integers(0, 256, (number, 2, 2), np.uint8)
        content = {
            f"{name}-images-idx3-ubyte": (arrays[name], (number, 2, 2)),
            f"{name}-labels-idx1-ubyte": (np.arange(number, dtype=np.uint8), (number,)),
        }
        for file, (array, shape) in content.items():
            head = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
            paths[file] = tmp_path / file
            paths[file].write_bytes(head + array.tobytes())
    images = digits.mnist(paths)
    pictures, labels = images.draw(jax.random.key(0), 50)
    np.testing.assert_allclose(pictures, arrays["train"][labels] / 255, rtol=1e-6)
    assert set(labels.tolist()) == set(range(5))
    pictures, labels = images.draw_test(jax.random.key(0), 1, 2)
    assert labels.tolist() == [2, 0]
    np.testing.assert_allclose(pictures, arrays["t10k"][labels] / 255, rtol=1e-6)


def test_wilson_interval():
    """Its ends solve (p̂ - p)² = z² p (1 - p) / n."""
    for successes, trials in ((3, 5), (0, 5), (5, 5), (17, 40)):
        share = successes / trials
        for end in wilson_interval(successes, trials):
            assert abs((share - end) ** 2 - 1.96**2 * end * (1 - end) / trials) < 1e-12
    low, high = wilson_interval(5, 5)
    assert high == 1 and abs(low - 5 / (5 + 1.96**2)) < 1e-12
    with pytest.raises(ValueError, match="must be from 0 to num_trials.*got 6 of 5"):
        wilson_interval(6, 5)


def test_a_grid_is_all_combinations_of_all_seeds():
    points = grid_points(BASE, ["learning_rate=0.1,0.2", "max_norm=1,inf"])
    assert [(x.learning_rate, x.max_norm) for x in points] == [
        *((0.1, 1), (0.1, math.inf), (0.2, 1), (0.2, math.inf))
    ]
    settings = make_settings(points, 3, seed=0)
    rates = settings.hyperparameters.learning_rate
    np.testing.assert_allclose(rates, np.repeat([0.1, 0.2], 6))
    keys = jax.random.key_data(settings.data_key)
    np.testing.assert_array_equal(keys[:3], keys[9:])
    few = make_settings(points[:1], 2, seed=0)
    np.testing.assert_array_equal(jax.random.key_data(few.data_key), keys[:2])
    both = np.concatenate([keys[:3], jax.random.key_data(settings.init_key)[:3]])
    assert len(np.unique(both, axis=0)) == 6


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (["learning_rat=1"], "grid must be learning_rate, got 'learning_rat'"),
        (["colour=1"], "one of learning_rate, max_norm, penalty, got 'colour'"),
        (["penalty=1", "penalty=2"], "must name a field once, got 'penalty' twice"),
        (["max_norm=1,x"], "must give max_norm positive numbers, got 'x'"),
        (["max_norm=0"], "must give max_norm positive numbers, got '0'"),
    ],
)
def test_bad_grids(grid, message):
    with pytest.raises(ValueError, match=message):
        grid_points(BASE, grid)


@pytest.mark.parametrize(
    ("name", "too_few", "why"),
    [
        ("adding_bai", 1, "a step for each mark"),
        ("adding_le", 1, "a step for each mark"),
        ("adding_1997", 21, "so that the first ten lie in its first half"),
        ("multiplication", 21, "so that the first ten lie in its first half"),
        ("temporal_order", 9, "a step for each symbol that counts"),
        ("temporal_order_3", 9, "a step for each symbol that counts"),
        ("copy", 0, "a step for the delimiter"),
        ("memorization", 0, "a step between symbols and trigger"),
        ("permutation", 1, "one to remember and one to forget"),
    ],
)
def test_a_task_shorter_than_its_markers_need(name, too_few, why):
    message = f"num_steps must be at least {too_few + 1}, {why}, got {too_few}"
    with pytest.raises(ValueError, match=message):
        SEQUENCES[name](too_few)
    SEQUENCES[name](too_few + 1)


@pytest.mark.parametrize("layer", ["stack", "dilated", "residual", "bidirectional"])
def test_layers_by_name(layer):
    network = make_network("gru", layer, 4, 2, 3).layer
    params = jax.eval_shape(lambda key: network.init(key, 5), jax.random.key(0))
    inputs = jax.ShapeDtypeStruct((7, 2, 5), jnp.float32)
    outputs = jax.eval_shape(lambda p, x: network.apply(p, None, x)[1], params, inputs)
    assert outputs.shape == (7, 2, 3)
    firsts = [x.shape[0] for x in jax.tree.leaves(params) if x.ndim == 2]
    assert 5 in firsts and (8 if layer == "bidirectional" else 4) in firsts


def test_the_penalty_reaches_the_recurrent_weights_alone():
    task = symbols.temporal_order(10)
    network = make_network("elman_normal", "stack", 4, 1, task.output_size)
    params = network.layer.init(jax.random.key(2), task.input_size)
    sequences = task.draw(jax.random.key(3), 5)
    assert network.cell is not None
    plain = make_gradients(network.layer, task)
    penalized = make_penalized_gradients(network.cell, network.readout, task)
    loss, grads = jax.jit(plain)(params, sequences, BASE)
    penalized_loss, got = jax.jit(penalized)(params, sequences, BASE)
    np.testing.assert_allclose(penalized_loss, loss, rtol=1e-6)
    apart = jax.tree.map(lambda x, y: float(jnp.abs(x - y).max()), got, grads)
    assert apart[0][0].pop("recurrent_kernel") > 1e-2
    assert max(jax.tree.leaves(apart)) < 1e-6


def test_cells_by_name():
    makers = cell_makers()
    assert makers["lstm"](3).init(jax.random.key(0), 2)["kernel"].shape == (2, 12)
    assert {"elman", "gru", "gru(H, reset_after=False)", "lru", "unitary_rnn"} < set(
        makers
    )


@pytest.fixture
def command(tmp_path):
    """Runs the command at a tiny size, with more flags."""

    def run(flags):
        tiny = "--hidden-size 5 --batch-size 4 --num-tests 500 --num-updates 4 "
        tiny += "--eval-every 2 --num-devices 1"
        return run_command(
            memory_tasks.train,
            memory_tasks.Config,
            memory_tasks.PRESETS,
            None,
            f"{tiny} --run-dir {tmp_path / 'run'} {flags}".split(),
        )

    return run


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--task addding_le", "task must be adding_le"),
        ("--task digits_rows --num-steps 5", "num_steps must be left out for digits"),
        ("--cells lstn", "cell must be lstm or slstm, got 'lstn'"),
        ("--layer stak", "layer must be stack, got 'stak'"),
        ("--methods clip", "methods must be clipped, got 'clip'"),
        ("--grid learn=1", "got 'learn'"),
        ("--methods plain --grid max_norm=1", "plain has, learning_rate, got 'max_n"),
        ("--layer dilated --methods regularized", "methods must be without regular"),
        ("--num-steps 1", "num_steps must be at least 2"),
        ("--num-seeds 5 --num-devices 2", "num_devices must be one of 1, 5 to share 5"),
    ],
)
def test_bad_input(command, capsys, flags, message):
    assert command(flags) == BAD_INPUT
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate must be positive, got 0.0"),
        ({"num_tests": 700}, "num_tests must be a multiple of 500, got 700"),
        ({"num_updates": 250}, "num_updates must be a multiple of 100, got 250"),
    ],
)
def test_bad_configurations(fields, message):
    with pytest.raises(ValueError, match=message):
        memory_tasks.Config(**fields)


def test_the_command(command, tmp_path, capsys):
    flags = "--num-steps 9 --cells elman_normal --methods regularized --num-seeds 3 "
    flags += "--grid learning_rate=0.01,1e30"
    assert command(flags) == DONE
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if "learning_rate=0.01" in line)
    assert row.split()[2:8] == ["0", "of", "3", "0.00", "to", "0.56"]
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    members = json.loads(lines[-1])["members"]["elman_normal"]
    assert members["status"] == [0, 0, 0, 2, 2, 2]  # 1e30 is not finite for long
    assert members["num_updates"][:3] == [4, 4, 4]
    assert (tmp_path / "run" / "plots" / "scores.png").stat().st_size > 10_000
