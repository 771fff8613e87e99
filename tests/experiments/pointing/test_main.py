"""Made sets against SciPy and NumPy, polygons, and the command at a tiny size."""

import itertools
import json

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from experiments.data.orders import Ordered
from experiments.harness import BadInput
from experiments.harness.command import BAD_INPUT, DONE
from experiments.pointing import __main__ as experiment
from experiments.pointing.loading import load_sets, made_batch
from experiments.pointing.made import draw_sets, hulls
from experiments.pointing.polygons import area, is_simple
from experiments.pointing.report import measure_orders
from tests.experiments.running import plots_of, results_of, run

SQUARE = np.float32([[0, 0], [1, 0], [1, 1], [0, 1]])


def test_hulls_are_those_of_scipy():
    """Which goes anticlockwise too, but begins anywhere."""
    sizes = np.array([3, 17, 3, 8, 50, 4, 8])
    for size, own in zip(sizes, draw_sets("hull", np.random.default_rng(0), sizes)):
        assert len(own.elements) == size
        corners = ConvexHull(own.elements.astype(np.float64)).vertices
        first = own.elements[corners, 0].argmin()
        assert own.order == tuple(np.roll(corners, -first))


def test_points_on_a_side_are_no_corners():
    grid = np.array([*itertools.product(range(3), range(4))], float)
    shuffled = np.random.default_rng(1).permutation(len(grid))
    (order,) = hulls(grid[shuffled][None])
    corners = grid[shuffled][list(order)]
    assert corners.tolist() == [[0, 0], [2, 0], [2, 3], [0, 3]]


def test_numbers_are_sorted():
    for own in draw_sets("sort", np.random.default_rng(0), np.array([5, 1, 9])):
        numbers = own.elements[list(own.order), 0]
        assert len(own.order) == len(numbers) and (np.diff(numbers) > 0).all()


def shoelace(polygon):
    """By triangles from the origin, one by one."""
    pairs = zip(polygon, [*polygon[1:], polygon[0]])
    return sum(float(np.linalg.det(np.stack(pair))) for pair in pairs) / 2


def crosses(polygon):
    """Whether sides without a common corner cross, by solving for the parameters."""
    n = len(polygon)
    for i, j in itertools.combinations(range(n), 2):
        if (j - i) % n in (1, n - 1):
            continue
        a, c = polygon[i], polygon[j]
        u, v = polygon[(i + 1) % n] - a, polygon[(j + 1) % n] - c
        s, t = np.linalg.solve(np.stack([u, -v], axis=1), c - a)
        if 0 <= s <= 1 and 0 <= t <= 1:
            return True
    return False


def test_areas_and_crossings_of_random_polygons():
    rng = np.random.default_rng(0)
    polygons = [rng.random((n, 2)) for n in (3, 4, 4, 5, 5, 6, 7) for _ in range(20)]
    found = [is_simple(polygon) for polygon in polygons]
    assert found == [not crosses(polygon) for polygon in polygons]
    assert 20 < sum(found) < len(found) - 20
    for polygon in polygons:
        np.testing.assert_allclose(area(polygon), shoelace(polygon), atol=1e-12)


@pytest.mark.parametrize(
    "corners",
    [
        [[0, 0], [1, 1]],
        [[0, 0], [1, 0], [0, 1], [0, 0]],  # a corner twice
        [[0, 0], [2, 0], [1, 0], [1, 1]],  # back over a side
        [[0, 0], [2, 0], [2, 1], [1, 0], [0, 1]],  # a corner on a side
    ],
)
def test_polygons_whose_sides_meet(corners):
    assert not is_simple(np.array(corners))


def test_measures_of_hulls():
    whole = Ordered(SQUARE, (0, 1, 2, 3))
    found = [(0, 1, 2, 3), (1, 2, 3, 0), (0, 1, 2), (0, 2, 1, 3), (0,)]
    metrics = measure_orders([whole] * 5, found, "hull")
    assert metrics == {
        "exact": pytest.approx(1 / 5),
        "invalid": pytest.approx(2 / 5),
        "area": pytest.approx((1 + 1 + 0.5) / 3),
    }
    assert measure_orders([whole], [(0, 2)], "own") == {"exact": 0}


def test_a_batch_holds_sets_of_all_sizes_and_is_a_function_of_seed_and_number():
    config = experiment.Config(task="hull", size=7, least_size=4, batch_size=60, seed=3)
    known = experiment.describe(load_sets(config), config)
    batch, again = (made_batch(config, known, 5) for _ in range(2))
    other = made_batch(config, known, 6)
    np.testing.assert_array_equal(batch.elements, again.elements)
    assert (batch.elements != other.elements).any()
    sizes = batch.element_mask.sum(axis=1)
    assert set(sizes) == {4, 5, 6, 7} and batch.elements.shape == (60, 7, 2)
    for b, size in enumerate(sizes):
        points = batch.elements[b, :size].astype(np.float64)
        corners = ConvexHull(points).vertices
        steps = batch.mask[b].sum()
        targets = batch.targets[b, :steps]
        assert targets[-1] == 0 and set(targets[:-1] - 1) == set(corners)
        assert batch.inputs[b, :steps].tolist() == [0, *targets[:-1]]


def test_own_sets_are_parted_and_scaled(tmp_path):
    path = tmp_path / "sets.txt"
    rng = np.random.default_rng(0)
    rows = rng.normal([10, 1000, 7], [1, 50, 0], size=(60, 4, 3))
    path.write_text(
        "\n".join(f"{' '.join(map(str, row.ravel()))} output 2 1" for row in rows)
    )
    flags = experiment.Config(task="own", data_path=path, element_size=3)
    parts = load_sets(flags)
    assert parts.train and sum(map(len, parts[:3])) == 60
    known = experiment.describe(parts, flags)
    elements = np.concatenate([own.elements for own in parts.train]).astype(float)
    np.testing.assert_allclose(known.mean, elements.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(known.scale[:2], elements.std(axis=0)[:2], rtol=1e-6)
    assert known.scale[2] == 1
    path.write_text("1 2 3 output 1\n")
    with pytest.raises(BadInput, match="too few sets: none is for"):
        load_sets(flags)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"task": "own"}, "task own needs data_path"),
        ({"element_size": 3}, "element_size needs data_path"),
        (
            {"task": "hull", "data_path": "a", "element_size": 3},
            "element_size must be 2 for hulls, got 3",
        ),
        ({"least_size": 11}, "least_size must be from 1 to size 10, got 11"),
        ({"task": "hull", "least_size": 2}, "least_size must be from 3 to size 10"),
    ],
)
def test_flags_that_do_not_fit(flags, message):
    with pytest.raises(ValueError, match=message):
        experiment.Config(**flags)


TINY = "--hidden-size 5 --batch-size 16 --num-updates 2 --eval-every 2 --beam-size 2"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pointing") / "run"
    path = directory.parent / "hulls.txt"
    sets = draw_sets("hull", np.random.default_rng(0), np.full(60, 5))
    path.write_text(
        "\n".join(
            f"{' '.join(map(str, own.elements.ravel()))} output "
            f"{' '.join(str(place + 1) for place in own.order)}"
            for own in sets
        )
    )
    flags = f"{TINY} --task hull --data-path {path} --run-dir {directory}"
    assert run(experiment, flags) == DONE
    return directory


def test_a_run_is_measured_and_drawn(trained):
    metrics = results_of(trained)["metrics"]
    assert 0 < metrics["test_loss"] < 3
    for part in ("validation", "test"):
        assert 0 <= metrics[f"{part}_exact"] <= 1 and 0 <= metrics[f"{part}_area"] <= 1
    assert plots_of(trained) == {"hulls", "learning_curve", "pointer", "sizes"}


def test_lines_are_answered(trained, tmp_path, capsys):
    """Sets of any size, each element at most once; bad lines by a message."""
    path = tmp_path / "lines.txt"
    twenty = " ".join(map(str, np.random.default_rng(0).random(40)))
    path.write_text(f"0.1 0.2 0.9 0.1 0.5 0.7\n1 2 3\n{twenty}\n")
    capsys.readouterr()
    flags = f"--resume {trained} --point --input {path} --format jsonl --num-best 2"
    assert run(experiment, flags) == BAD_INPUT
    first, bad, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert "must be 2 per element" in bad["error"] and bad["line"] == 2
    for answer, size in ((first, 3), (last, 20)):
        log_probs = [own["log_prob"] for own in answer["orders"]]
        assert len(log_probs) == 2 and log_probs == sorted(log_probs, reverse=True)
        for own in answer["orders"]:
            assert set(own["order"]) <= set(range(1, size + 1))
            assert len(set(own["order"])) == len(own["order"])
