"""Polyphonic music: the data, the loss, and the command at a tiny size."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.io

from experiments.data.midi import read_midi, write_midi
from experiments.harness.command import DONE
from experiments.harness.errors import BadInput
from experiments.polyphonic_music import __main__ as experiment
from experiments.polyphonic_music import batches, canons, samples
from experiments.polyphonic_music.__main__ import Config
from experiments.polyphonic_music.evaluation import baselines, measure
from experiments.polyphonic_music.figures import plot_rolls
from experiments.polyphonic_music.pieces import load_music
from experiments.polyphonic_music.samples import sample_frames
from experiments.shared.best import BestState, first_best
from tests.experiments.running import compile_update_once, plots_of, run, updates_of

LENGTHS = (2, 9, 6, 17, 7, 16, 8)
SMALL = Config(cell="elman", hidden_size=4)  # shares programs with the command
TINY = "--cell elman --hidden-size 4 --batch-size 3 --prompt-frames 5 --sample-length 7"


def random_pieces(lengths=LENGTHS, seed=0):
    rng = np.random.default_rng(seed)
    rates = rng.uniform(0.01, 0.3, 88)
    return [rng.uniform(size=(length, 88)) < rates for length in lengths]


@pytest.fixture(scope="module")
def network():
    layer = experiment.make_network(SMALL)
    params = layer.init(jax.random.key(3), 88)
    return layer, jax.tree.map(lambda x: 2 * x, params)


def log_odds(params, frames):
    """Computes an Elman network's logits after every frame, in NumPy and float64."""
    cell, (_, head) = jax.tree.map(lambda x: np.asarray(x, np.float64), params)
    h, all_h = 0 * cell["bias"], []
    for x in frames.astype(np.float64):
        h = np.tanh(x @ cell["kernel"] + h @ cell["recurrent_kernel"] + cell["bias"])
        all_h.append(h)
    return np.stack(all_h) @ head["kernel"] + head["bias"]


def write_pieces(directory, lengths):
    directory.mkdir()
    for number, piece in enumerate(random_pieces(lengths)):
        (directory / f"{number}.mid").write_bytes(write_midi(piece, 2))
    return directory


# ---- data


def test_the_parts_of_a_data_set(tmp_path, monkeypatch):
    parts = {"train": [4, 7], "valid": [3], "test": [5]}
    parts = {name: random_pieces(lengths) for name, lengths in parts.items()}
    content = {}
    for name, pieces in parts.items():
        content[f"{name}data"] = np.empty((1, len(pieces)), object)
        content[f"{name}data"][0, :] = [piece.astype(np.uint8) for piece in pieces]
    path = tmp_path / "JSB_Chorales.mat"
    scipy.io.savemat(path, content)
    found = {path.name: path}
    monkeypatch.setattr("experiments.data.lookup.find", lambda name, place: found)
    music = load_music("jsb_chorales", None, None, None, None, 2, pytest.fail)
    for ours, theirs in zip(music[:3], parts.values()):
        jax.tree.map(np.testing.assert_array_equal, ours, theirs)
    assert len(music.digests["JSB_Chorales.mat"]) == 64


def test_midi_files_are_split_by_place_or_time_or_given_as_parts(tmp_path):
    warnings: list[str] = []

    def lengths(data, validation, test):
        paths = data, validation, test
        music = load_music("canons", None, *paths, 2, warnings.append)
        assert len(music.digests) == len([path for path in paths if path])
        return [[len(piece) for piece in part] for part in music[:3]]

    folder = write_pieces(tmp_path / "many", (10, 14, 12, 16, 11, 9, 8))
    assert lengths(folder, None, None) == [[10, 9, 14, 8, 12], [16], [11]]
    (folder / "3.mid").write_bytes(b"MThx")
    assert lengths(folder, None, None) == [[10, 8, 14, 12], [11], [9]]
    (warning,) = warnings
    assert "1 of 7 MIDI files skipped" in warning and "3.mid, byte 3" in warning
    other = write_pieces(tmp_path / "other", (40, 7))
    assert lengths(other / "0.mid", None, None) == [[32], [4], [4]]
    assert lengths(other, folder / "1.mid", other / "1.mid") == [[40, 7], [14], [7]]
    for paths, message in {
        (other, None, None): "other: must contain at least 5 MIDI files",
        (other / "1.mid", None, None): "1.mid: must be at least 20 frames long to",
        (other, folder, None): "data_path must be given alone or with validation_path",
        (None, folder, folder): "data_path must be given alone or with validation_path",
        (other, folder / "3.mid", other): "3.mid, byte 3: must be a MIDI file",
    }.items():
        with pytest.raises(BadInput, match=message):
            lengths(*paths)


def test_canons_are_what_they_are_said_to_be():
    """The bass repeats every round, and every key follows from the others."""
    for canon in canons.make_canons(9, seed=4):
        assert canon.roll.shape == (80, 88)
        keys = [np.flatnonzero(frame).tolist() for frame in canon.roll]
        leader: list[int] = []
        for frame, (bass, *others) in enumerate(keys):
            assert bass == keys[frame % 16][0]
            if frame >= 16:
                others.remove(leader[frame - 16] - 12)  # the follower
                others = others or [leader[frame - 16] - 12]
            leader += others
        assert len(leader) == 80 and leader[::2] == leader[1::2]
        assert max(abs(np.diff(leader))) <= 7


def test_the_nats_of_canons_are_the_entropy_of_their_keys(monkeypatch):
    """Four frames long: the third brings a new note, or a new chord and a note."""
    for chord_frames in (4, 2):
        sizes = {"ROUNDS": 1, "ROUND_FRAMES": 4, "CHORD_FRAMES": chord_frames}
        for name, size in sizes.items():
            monkeypatch.setattr(canons, name, size)
        made = canons.make_canons(5000, seed=1)
        drawn: dict[bytes, list] = {}
        for canon in made:
            drawn.setdefault(canon.roll[:2].tobytes(), []).append(canon.roll[2])
        costs = [len(x) * entropy(np.mean(x, axis=0)) for x in drawn.values()]
        nats = np.mean([canon.nats for canon in made])
        assert nats == pytest.approx(sum(costs) / len(made), rel=0.03)


def entropy(p):
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return float(-(p * np.log(p) + (1 - p) * np.log(1 - p)).sum())


# ---- batches and the loss


def test_cut_pieces_predict_every_frame_but_the_first_once():
    pieces = random_pieces()
    cut = batches.cut_pieces(pieces, 4)
    assert all(2 <= len(piece) <= 5 for piece in cut)
    ours, theirs = (np.concatenate([x[1:] for x in rolls]) for rolls in (cut, pieces))
    np.testing.assert_array_equal(ours, theirs)


def test_an_epoch_reads_every_piece_once_in_an_order_of_its_own():
    pieces = random_pieces(LENGTHS * 3, seed=2)
    num_batches, batch = batches.sample_batches(pieces, 4, seed=5)
    orders = []
    for epoch in (0, 3):
        drawn = [batch(epoch * num_batches + i) for i in range(num_batches)]
        found = [
            frames[:length].tobytes()
            for frames, lengths in drawn
            for frames, length in zip(np.moveaxis(frames, 1, 0), lengths)
            if length
        ]
        assert sorted(found) == sorted(piece.tobytes() for piece in pieces)
        orders.append(found)
        assert all(b.lengths.shape == (4,) for b in drawn)
    assert orders[0] != orders[1]
    assert batch(7).frames.tobytes() == batch(7).frames.tobytes()


def test_both_means_are_those_of_a_loop_without_padding(network):
    layer, params = network
    nats, frames = [], []
    for piece in random_pieces():
        p = 1 / (1 + np.exp(-log_odds(params, piece[:-1])))
        nats.append(-np.log(np.where(piece[1:], p, 1 - p)).sum())
        frames.append(len(piece) - 1)
    piece_nats = functools.partial(experiment.piece_nats, layer)
    ours = measure(piece_nats, params, batches.make_batches(random_pieces()))
    assert ours.pooled == pytest.approx(sum(nats) / sum(frames), rel=1e-5)
    means = np.array(nats) / np.array(frames)
    assert ours.over_pieces == pytest.approx(means.mean(), rel=1e-5)
    assert abs(ours.pooled - ours.over_pieces) > 1e-3


def test_baselines_are_entropies_where_the_counts_are_true():
    """One key flips with probability 0.1, one is down in 3 of 10 frames."""
    rng = np.random.default_rng(0)
    piece = np.zeros((60_000, 88), bool)
    piece[:, 3] = np.cumsum(rng.uniform(size=len(piece)) < 0.1) % 2
    piece[:, 5] = rng.uniform(size=len(piece)) < 0.3

    found = baselines([piece[:30_000]], [piece[30_000:]])
    for name, p in {"key frequencies": 0.5, "key before": 0.1}.items():
        assert found[name].pooled == pytest.approx(entropy(p) + entropy(0.3), abs=0.02)


# ---- samples


def test_samples_are_what_a_loop_finds_likelier_or_have_its_frequencies(network):
    """With all weights zero but the head's bias, frames are identically distributed."""
    layer, params = network
    (prompt,) = random_pieces([6])
    roll = sample_frames(layer, params, prompt, 4, jax.random.key(0), 0.0)
    np.testing.assert_array_equal(roll[:6], prompt)
    np.testing.assert_array_equal(roll[6:], log_odds(params, roll)[5:-1] > 0)
    params = jax.tree.map(jnp.zeros_like, params)
    bias = np.linspace(-3, 3, 88).astype(np.float32)
    params[-1][-1]["bias"] = jnp.asarray(bias)
    roll = sample_frames(layer, params, prompt, 2000, jax.random.key(1), 0.5)
    expected = 1 / (1 + np.exp(-bias / 0.5))
    assert abs(roll[6:].mean(axis=0) - expected).max() < 0.06


def test_a_picture_shows_every_note():
    rolls = dict(zip("ab", random_pieces([12, 9])))
    figure = plot_rolls(rolls, 4)
    for axes, (title, roll) in zip(figure.axes, rolls.items()):
        bars = {(round(p.get_x()), round(p.get_y() + 0.4) - 21) for p in axes.patches}
        assert bars == set(map(tuple, np.argwhere(roll).tolist()))
        assert axes.get_title(loc="left") == title


# ---- training


def test_learning_begins_at_the_frequencies_of_the_keys(tmp_path):
    folder = write_pieces(tmp_path / "midi", [40, 30, 50, 20, 30])
    prepared = experiment.prepare(dataclasses.replace(SMALL, data_path=folder))
    state = experiment.initial_state(prepared, jax.random.key(0))
    p = jax.nn.sigmoid(state.params[1][-1]["bias"])
    test = prepared.music.test
    nats = [-np.log(np.where(piece[1:], p, 1 - p)).sum(axis=1) for piece in test]
    expected = baselines(prepared.music.train, test)["key frequencies"].pooled
    assert np.concatenate(nats).mean() == pytest.approx(expected, rel=1e-2)


def test_regularized_gradients_are_those_of_the_loss_and_of_the_penalty(network):
    """A weight of 0 gives plain gradients; the penalty changes only those of W."""
    _, params = network
    (batch,) = batches.make_batches(random_pieces([10, 12, 13, 14]))
    key = jax.random.key(1)
    plain, regularized = (
        jax.jit(experiment.make_gradients(dataclasses.replace(SMALL, method=method)))
        for method in ("clipped", "regularized")
    )
    loss, grads, _ = plain(params, batch, key, 0.0)
    loss_without, without, _ = regularized(params, batch, key, 0.0)
    _, with_penalty, _ = regularized(params, batch, key, 2.0)
    assert loss_without == pytest.approx(float(loss), rel=1e-5)
    close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6)
    jax.tree.map(close, grads, without)
    changed = jax.tree.map(lambda a, b: bool((a != b).any()), without, with_penalty)
    assert changed[0].pop("recurrent_kernel")
    assert not any(jax.tree.leaves(changed))


def test_the_weight_of_the_penalty_falls_by_epochs(monkeypatch):
    def gradients(params, batch, key, penalty_weight):
        return jnp.sum(params), params, {"penalty_weight": penalty_weight}

    monkeypatch.setattr(experiment, "make_gradients", lambda config: gradients)
    update = experiment.make_update(SMALL, jax.random.key(1), num_batches=2)
    params = jnp.ones(3)
    opt_state = experiment.make_optimizer(SMALL).init(params)
    state = BestState(params, opt_state, first_best(params))
    weights = [float(update(state, None, i)[1]["penalty_weight"]) for i in (0, 1, 2, 5)]
    np.testing.assert_allclose(weights, [1, 1, 1 / 2, 1 / 3], rtol=1e-6)


def test_noise_has_its_deviation_and_is_on_every_weight():
    params = {"kernel": jnp.full((200, 100), 3.0), "bias": jnp.zeros(300)}
    noisy = jax.jit(experiment.add_noise)(params, 0.07, jax.random.key(0))
    for name, weights in params.items():
        noise = np.asarray(noisy[name] - weights)
        assert noise.std() == pytest.approx(0.07, rel=0.15)
        assert abs(noise.mean()) < 0.02
    assert abs(noisy["kernel"][:3].ravel() - 3 - noisy["bias"]).max() > 0.01


# ---- the command


def test_a_resumed_run_is_bit_identical_and_is_sampled(tmp_path, monkeypatch):
    compile_update_once(experiment, monkeypatch)
    folder = write_pieces(tmp_path / "midi", (10, 14, 12, 16, 11))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    flags = f"{TINY} --data-path {folder} --dropout-rate 0.3 --weight-noise 0.1"
    flags += " --eval-every 2 --checkpoint-every 3 --patience 1"
    flags += " --variational-dropout-rate 0.2 --num-updates"
    assert run(experiment, f"{flags} 4 --run-dir {whole}") == DONE
    prompt, path = folder / "2.mid", tmp_path / "sample.mid"
    sampling = f"--sample 7 --prompt {prompt} --sample-path {path}"
    assert run(experiment, f"--resume {whole} {sampling}") == DONE
    monkeypatch.setattr(samples, "plot_sample", lambda *arguments: None)
    assert run(experiment, f"{flags} 2 --run-dir {parts}") == DONE
    assert run(experiment, f"--resume {parts} --num-updates 4") == DONE
    last = updates_of(whole)[-1]
    assert last == updates_of(parts)[-1] and "test_loss_over_pieces" in last
    written = [x / "samples/00000004.mid" for x in (whole, parts)]
    assert written[0].read_bytes() == written[1].read_bytes()
    assert len(read_midi(written[0], 2).roll) == 5 + 7
    assert plots_of(whole) == {"learning_curve", "piano_roll"}
    roll = read_midi(path, 2).roll
    assert len(roll) == 5 + 7
    np.testing.assert_array_equal(roll[:5], read_midi(prompt, 2).roll[:5])
    assert path.with_suffix(".png").stat().st_size > 10_000
