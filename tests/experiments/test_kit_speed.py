"""The comparison of speeds, on contenders that take known times or are wrong."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.harness.command import BAD_INPUT, DONE, FAILED
from experiments.kit_speed import __main__ as kit_speed
from experiments.kit_speed import attention, beams, ctc, translation
from experiments.kit_speed.case import Case, Disagreement, measure
from rnnjax import cross_entropy, lstm
from rnnjax.attention import additive, attend_before
from tests.experiments.running import results_of, run
from tests.pytrees import assert_close


def waiting(seconds, result):
    def contender():
        time.sleep(seconds)
        return {"total": np.array(result)}

    return contender


def make():
    return {"rnnjax": waiting(0.01, [1.0, 2.0]), "slow": waiting(0.05, [1.0, 2.001])}


def test_a_slower_contender_takes_longer():
    found = measure(Case("wait", make, {}, tolerance=1e-3), 3)
    assert found["rnnjax"].median == 1
    low, high = found["slow"].quartiles
    assert 2 < low <= found["slow"].median <= high < 10


def test_another_result_is_seen():
    with pytest.raises(Disagreement, match="slow differs by 0.001 from the library"):
        measure(Case("wait", make, {}, tolerance=1e-4), 1)


def test_another_shape_is_seen():
    def make():
        return {"rnnjax": lambda: np.ones((1, 3)), "flat": lambda: np.ones(3)}

    with pytest.raises(Disagreement, match=r"flat returns \(3,\), not \(1, 3\)"):
        measure(Case("shapes", make, {}, tolerance=1.0), 1)


def test_ratios_are_printed_and_saved(tmp_path, monkeypatch, capsys):
    cases = (Case("wait", make, {"slow": 100.0}),)
    monkeypatch.setattr(kit_speed, "load_cases", {"beams": cases}.get)
    flags = f"--work beams --num-turns 2 --run-dir {tmp_path / 'run'}"
    assert run(kit_speed, flags, train="show") == DONE
    saved = results_of(tmp_path / "run")["metrics"]["wait"]
    assert saved["slow"]["goal"] == 100 and saved["slow"]["median"] > 2
    assert "goal 100.00, missed" in capsys.readouterr().out


def test_a_disagreement_fails(tmp_path, monkeypatch):
    cases = (Case("wait", make, {}, tolerance=1e-4),)
    monkeypatch.setattr(kit_speed, "load_cases", {"beams": cases}.get)
    flags = f"--work beams --run-dir {tmp_path / 'run'}"
    assert run(kit_speed, flags, train="show") == FAILED


def test_an_unknown_work_is_refused(tmp_path, capsys):
    flags = f"--work beans --run-dir {tmp_path / 'run'}"
    assert run(kit_speed, flags, train="show") == BAD_INPUT
    assert "work must be beams, got 'beans'" in capsys.readouterr().err


def test_engines_compute_the_same_attention(monkeypatch):
    sizes = {"BATCH_SIZE": 5, "NUM_ROWS": 4, "NUM_STEPS": 3, "SIZE": 8}
    for name, size in sizes.items():
        monkeypatch.setattr(attention, name, size)
    cell = attend_before(lstm(8), additive(6), 8)
    contenders = attention.make_contenders(cell)
    assert list(contenders) == ["hoisted", "scan"]
    (got, got_grads), (want, want_grads) = (run() for run in contenders.values())
    assert want > 0
    assert_close((got, got_grads), (want, want_grads), 1e-5)


@pytest.mark.slow
def test_loops_in_python_search_as_beam_search_does(monkeypatch):
    """Tiny, so that the searches differ little in cost and fully in code."""
    for name, size in {"BATCH_SIZE": 3, "BEAM_SIZE": 2, "HIDDEN_SIZE": 5}.items():
        monkeypatch.setattr(beams, name, size)
    contenders = beams.make_contenders(vocab_size=7, num_steps=4)
    want, *others, _ = [contender() for contender in contenders.values()]
    assert np.ptp(want) > 0.1
    for got in others:
        np.testing.assert_allclose(got, want, 1e-5)


def test_a_loop_in_numpy_finds_the_same_prefixes():
    searches = ctc.make_searches(batch=2, num_steps=8, vocab_size=5, beam_size=3)
    got, want = [contender() for contender in searches.values()]
    assert want[1].max() > 1
    for x, y in zip(got, want):
        np.testing.assert_array_equal(x, y)


@pytest.mark.conformance
@pytest.mark.parametrize("feeds", [True, False])
def test_a_translator_in_pytorch_has_the_same_outputs_and_gradients(x64, feeds):
    torch = pytest.importorskip("torch")
    from experiments.kit_speed import torch_translation as peer

    size, vocab_size, batch = 5, 11, 3
    model = translation.make_model(feeds, size, vocab_size)
    shapes = jax.eval_shape(
        lambda: model.init(jax.random.key(0), vocab_size, vocab_size)
    )
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)), shapes)
    source = rng.integers(vocab_size, size=(7, batch))
    target = rng.integers(vocab_size, size=(5, batch))

    @jax.jit
    def loss(params):
        logits = model.apply(params, source, target[:-1])
        return cross_entropy(logits, target[1:]).sum(axis=0).mean(), logits

    (value, logits), grads = jax.value_and_grad(loss, has_aux=True)(params)
    translator = peer.make_translator(params)
    tokens = torch.as_tensor(source), torch.as_tensor(target)
    got = translator(tokens[0], tokens[1][:-1]).detach().numpy()
    assert_close(got, logits, 1e-11)
    total = peer.loss_of(translator, *tokens)
    total.backward()
    assert_close(total.item(), value, 1e-11)
    want = peer.weights_of(grads)
    of_peer = {name: x.grad.numpy() for name, x in translator.named_parameters()}
    assert want.keys() == of_peer.keys()
    for name, gradient in of_peer.items():
        # Both biases of PyTorch have the gradient of the only one here.
        own = want[name.replace("bias_hh", "bias_ih")]
        assert np.abs(own).max() > 1e-3
        assert_close(gradient, own, 1e-10)


@pytest.mark.conformance
def test_training_steps_begin_from_the_same_loss(monkeypatch):
    pytest.importorskip("torch")
    sizes = {"BATCH_SIZE": 3, "NUM_READ": 5, "NUM_WRITTEN": 4, "SIZE": 6}
    for name, size in (sizes | {"VOCAB_SIZE": 9}).items():
        monkeypatch.setattr(translation, name, size)
    for case in translation.CASES:
        found = measure(case._replace(tolerance=1e-5), 2)
        assert list(found) == ["rnnjax", "PyTorch"]
