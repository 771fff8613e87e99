"""What the figures on gradients show, against independent results, and one run."""

import math

import jax
import numpy as np
import pytest

import rnnjax
from experiments.gradient_flow import __main__ as gradient_flow
from experiments.gradient_flow import chaos, clipping, lags, recall, sweep, wall
from experiments.gradient_flow.cost import share_of_training
from experiments.gradient_flow.dilated_cell import dilated_stack_cell
from experiments.harness.command import DONE
from tests.experiments.running import plots_of, results_of, run, updates_of


def random_params(init, input_size):
    """Draws parameters with NumPy, which compiles nothing."""
    shapes = jax.eval_shape(lambda: init(jax.random.key(0), input_size))
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda x: rng.normal(size=x.shape).astype(x.dtype), shapes)


@pytest.fixture(scope="module")
def batch():
    """50 sequences of 11 steps and their first symbols."""
    sample = jax.jit(recall.sample_batch, static_argnums=(1, 2))
    return tuple(map(np.asarray, sample(jax.random.key(3), 11, 50)))


def test_the_dilated_cell_is_the_dilated_layers():
    cell = dilated_stack_cell(5, (1, 3))
    params = random_params(cell.init, 2)
    inputs = np.random.default_rng(1).normal(size=(7, 3, 2)).astype(np.float32)
    layer = rnnjax.stack(*(rnnjax.dilated(rnnjax.elman(5), d) for d in (1, 3)))

    @jax.jit
    def both(params):
        _, expected = layer.apply(tuple(params), None, inputs)
        return expected, rnnjax.unroll(cell, params, inputs)[1]

    expected, outputs = both(params)
    np.testing.assert_allclose(outputs, expected, atol=1e-6)


def test_the_loss_is_of_the_last_step_and_the_logits_of_the_right_symbol(batch):
    """The first symbol is the target, and is shown only once."""
    inputs, symbols = batch
    shown = inputs.argmax(-1)
    assert inputs.shape[:2] == (11, 50) and (inputs.sum(-1) == 1).all()
    assert (shown[0] == symbols).all() and (shown[1:] >= recall.NUM_SYMBOLS).all()
    assert set(shown.ravel().tolist()) == set(range(recall.INPUT_SIZE))

    model = gradient_flow.make_model(rnnjax.elman(5))
    params = random_params(model.init, recall.INPUT_SIZE)
    inputs, symbols = inputs[:7, :3], symbols[:3]

    @jax.jit
    def found(params):
        _, outputs = rnnjax.unroll(rnnjax.elman(5), params[0], inputs)
        loss = gradient_flow.last_loss(model, params, inputs, symbols)
        return outputs, loss, recall.right_logits(params[1], outputs, symbols)

    outputs, loss, logits_found = found(params)
    logits = np.asarray(outputs) @ params[1]["kernel"] + params[1]["bias"]
    right = np.stack([logits[:, i, s] for i, s in enumerate(symbols)], axis=1)
    nats = np.log(np.exp(logits).sum(-1)) - right
    assert float(loss) == pytest.approx(nats[-1].mean(), rel=1e-5)
    np.testing.assert_allclose(logits_found, right, rtol=1e-5)


def test_norms_by_lag_of_an_orthogonal_linear_network(batch):
    cell = rnnjax.elman(5, activation="identity")
    model = gradient_flow.make_model(cell)
    own, readout = random_params(model.init, recall.INPUT_SIZE)
    W = 0.9 * np.linalg.qr(own["recurrent_kernel"])[0]
    params = own | {"recurrent_kernel": W}, readout
    few = batch[0][:, :3], batch[1][:3]
    norms = jax.jit(lambda params: lags.measure(cell, params, *few))(params)
    np.testing.assert_allclose(norms.mean, 0.9 ** np.arange(11), rtol=1e-4)
    assert lags.half_life(np.asarray(norms.mean)) == pytest.approx(
        math.log(2) / -math.log(0.9), rel=1e-3
    )


DECAY = 0.5 ** (np.arange(30) / 7)


@pytest.mark.parametrize(
    ("norms", "steps"),
    [
        (DECAY, 7.0),
        (np.where(np.arange(30) < 3, 1, 1e-3) * DECAY, 7.0),
        (np.append(DECAY[:20], np.zeros(10)), 7.0),
        (1e-300 * DECAY, 7.0),
        (0.0 ** np.arange(30), 0.0),
        (0.5 ** (np.arange(30) / 31), None),
        (1.1 ** np.arange(30), None),
    ],
)
def test_half_life(norms, steps):
    found = lags.half_life(norms)
    assert found == (None if steps is None else pytest.approx(steps))
    assert lags.format_steps(found, 30) == ("> 29" if steps is None else f"{steps}")


def test_the_rate_of_a_linear_network_is_its_exponent(monkeypatch):
    small = {"NUM_STEPS": 24, "FIRST_LAG": 3, "LAST_LAG": 19, "HIDDEN_SIZE": 5}
    for name, value in small.items():
        monkeypatch.setattr(sweep, name, value)
    found = sweep.sweep("identity", 0, (0.7, 1.0, 2.5))
    np.testing.assert_allclose(found.rates, np.log(found.gains), atol=1e-12)
    np.testing.assert_allclose(found.exponents, np.log(found.gains), atol=1e-12)
    np.testing.assert_allclose(found.norms[0], 0.7 ** np.arange(24), rtol=1e-10)
    apart = sweep.differences(found._replace(rates=found.rates + [0.01, 0.04, 0]))
    assert apart == pytest.approx((0.04, 0.01 / -math.log(0.7)))


def error_by_hand(w, b):
    x = 0.5
    for _ in range(50):
        x = w / (1 + np.exp(-x)) + b
    return (1 / (1 + np.exp(-x)) - 0.7) ** 2


def test_the_error_surface_is_that_of_the_equation():
    over = wall.surface(9)
    w, b = over.w[6, 4], over.b[6, 4]
    assert over.errors[6, 4] == pytest.approx(error_by_hand(w, b), rel=1e-10)
    by_w = (error_by_hand(w + 1e-6, b) - error_by_hand(w - 1e-6, b)) / 2e-6
    by_b = (error_by_hand(w, b + 1e-6) - error_by_hand(w, b - 1e-6)) / 2e-6
    assert over.norms[6, 4] == pytest.approx(math.hypot(by_w, by_b), rel=1e-6)
    assert over.norms[4].max() > 1e3 > 10 * over.norms[[0, -1]].max()


def test_clipping_keeps_the_descent_at_the_wall():
    plain, clipped = wall.descend(math.inf), wall.descend(wall.MAX_NORM)
    longest = np.linalg.norm(np.diff(clipped.points, axis=0), axis=1).max()
    assert longest == pytest.approx(wall.LEARNING_RATE * wall.MAX_NORM)
    assert plain.norms.max() > 20 and plain.losses[-1] > 0.4
    assert clipped.losses[-1] < 0.05
    assert clipped.losses[3] == pytest.approx(error_by_hand(*clipped.points[3]))


def test_orbits_are_those_of_the_map(monkeypatch):
    monkeypatch.setattr(chaos, "NUM_DISCARDED", 300)
    monkeypatch.setattr(chaos, "NUM_KEPT", 100)
    gains = np.array([0.2, 1.0, 3.4])
    h, exponents = chaos.orbits(gains)
    for own, exponent, g in zip(h, exponents, gains):
        d, logs, first = 0.1, [], []
        for _ in range(400):  # the map of d, the second unit less the first
            slope = 5 * g / np.cosh(5 * g * d) ** 2 - g / np.cosh(g * d) ** 2
            logs.append(np.log(abs(slope)))
            first.append(np.tanh(g * d))
            d = np.tanh(5 * g * d) - np.tanh(g * d)
        # the stretched vector is as long as the map's only at both ends
        assert exponent == pytest.approx(np.mean(logs[200:]), abs=0.02)
        if g < 3:
            np.testing.assert_allclose(own, first[300:], atol=1e-9)
    assert chaos.onset(gains, exponents) == 3.4
    with pytest.raises(ValueError, match="gains must reach chaos, got 0.2 to 1"):
        chaos.onset(gains[:2], exponents[:2])


@pytest.mark.slow
def test_clipped_training_moves_no_further(monkeypatch):
    monkeypatch.setattr(clipping, "NUM_STEPS", 5)
    curves = clipping.train(
        gradient_flow.make_model, gradient_flow.last_loss, 0.3, 30, np.array([4, 9])
    )
    assert curves.losses.shape == curves.norms.shape == (2, 30)
    assert (curves.losses[0] != curves.losses[1]).all()
    assert curves.losses[:, -3:].mean() < curves.losses[:, :3].mean() - 0.2


def test_who_has_learned_is_read_at_the_end_and_the_cost_by_the_clock(monkeypatch):
    losses = np.full((3, 20), 1.4)
    losses[0, -2:], losses[1, -1] = 0.09, 0.0
    assert clipping.num_learned(clipping.Curves(losses, losses)) == 1
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def work(seconds):
        now[0] += seconds
        return ()

    share = share_of_training(lambda: work(0.1), lambda: work(2.5), every=100)
    assert share == pytest.approx(2.5 / 12.5)


TINY = (
    "--hidden-size 5 --num-steps 11 --batch-size 3 --num-measured 2 --num-updates 4 "
    "--eval-every 2 --checkpoint-every 2 --clipping-updates 20 --run-dir"
)


@pytest.fixture
def few(monkeypatch):
    """Keeps two of the networks; the others take a minute to compile."""
    networks = gradient_flow.make_networks(5)
    own = {name: networks[name] for name in ("relu", "gru_update_5")}
    monkeypatch.setattr(gradient_flow, "make_networks", lambda hidden_size: own)
    return own


@pytest.mark.slow
def test_a_whole_run_draws_all_and_a_resumed_one_measures_the_same(
    tmp_path, monkeypatch, capsys, few
):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(gradient_flow, f"{TINY} {whole}") == DONE
    printed = capsys.readouterr().out
    assert all(network.label in printed for network in few.values())
    expected = "gradient_by_lag norm_of_W clipping error_surface route_to_chaos"
    assert plots_of(whole) == set(expected.split())
    metrics = results_of(whole)["metrics"]
    assert metrics["sweep_tanh_share_apart"] < 0.05
    assert metrics["sweep_identity_share_apart"] < 1e-6
    assert set(metrics["gradient_norms"]) == set(few)

    for show in ("show_sweep", "show_clipping", "show_wall", "show_chaos"):
        monkeypatch.setattr(gradient_flow, show, lambda config, run: None)
    assert run(gradient_flow, f"{TINY} {parts} --num-updates 2") == DONE
    assert run(gradient_flow, f"--resume {parts} --num-updates 4") == DONE

    def norms(directory):
        lines = [x for x in updates_of(directory) if "gradient_norms" in x]
        return {line["update"]: line["gradient_norms"] for line in lines}

    assert norms(whole) == norms(parts) and set(norms(whole)) == {2, 4}
