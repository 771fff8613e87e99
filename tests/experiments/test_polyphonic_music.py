"""Polyphonic music: the data, the measure, and the command at a tiny size."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.io

from experiments import polyphonic_music
from experiments.harness.command import BAD_INPUT, DONE, NO_DATA, run_command
from experiments.music import canons
from experiments.music.baselines import baselines
from experiments.music.batches import cut_pieces, draw_batches, make_batches
from experiments.music.config import MusicConfig, make_network
from experiments.music.evaluation import measure
from experiments.music.midi import read_midi, write_midi
from experiments.music.pieces import load_music
from experiments.music.samples import draw_frames, draw_rolls
from experiments.music.training import (
    add_noise,
    begin_at_frequencies,
    initial_state,
    judge,
    make_update,
    plain_gradients,
    regularized_gradients,
)

LENGTHS = (2, 9, 5, 17, 3, 16, 6)


def random_pieces(lengths=LENGTHS, seed=0):
    rng = np.random.default_rng(seed)
    rates = rng.uniform(0.01, 0.3, 88)
    return [rng.uniform(size=(length, 88)) < rates for length in lengths]


@pytest.fixture(scope="module")
def network():
    layer = make_network(MusicConfig(model="elman", hidden_size=5))
    params = layer.init(jax.random.key(3), 88)
    return layer, jax.tree.map(lambda x: 2 * x, params)


def log_odds(params, frames):
    """What an Elman network says after every frame, in NumPy and float64."""
    cell, (_, head) = jax.tree.map(lambda x: np.asarray(x, np.float64), params)
    h, all_h = 0 * cell["bias"], []
    for x in frames.astype(np.float64):
        h = np.tanh(x @ cell["kernel"] + h @ cell["recurrent_kernel"] + cell["bias"])
        all_h.append(h)
    return np.stack(all_h) @ head["kernel"] + head["bias"]


@pytest.fixture
def command(tmp_path):
    """Runs the command on a directory of MIDI files, in tmp_path / name."""
    directory = tmp_path / "midi"
    directory.mkdir()
    for number, piece in enumerate(random_pieces((10, 14, 12, 16, 11))):
        (directory / f"{number}.mid").write_bytes(write_midi(piece, 2))

    def run(flags="", name="run"):
        tiny = "--model elman --hidden-size 4 --batch-size 3"
        tiny += " --prompt-frames 5 --sample-length 7"
        arguments = f"{tiny} --midi-dir {directory} --run-dir {tmp_path / name} {flags}"
        return call(arguments)

    return run


def call(arguments):
    return run_command(
        polyphonic_music.train,
        polyphonic_music.Config,
        polyphonic_music.PRESETS,
        polyphonic_music.sample,
        arguments.split(),
    )


def metrics_of(directory):
    lines = (directory / "metrics.jsonl").read_text().splitlines()
    return [{**json.loads(line), "wall": None} for line in lines]


# ---- MIDI


@pytest.mark.parametrize("frames_per_beat", [1, 2, 7])
def test_a_roll_survives_its_midi_file(tmp_path, frames_per_beat):
    (roll,) = random_pieces([23])
    roll[-2:] = False  # silence at the end stays too
    path = tmp_path / "a.mid"
    path.write_bytes(write_midi(roll, frames_per_beat))
    np.testing.assert_array_equal(read_midi(path, frames_per_beat), roll)


def midi_bytes(events, division=4, kind=0):
    """A MIDI file of one track, written from the standard, `division` ticks a beat."""
    track = events + bytes([0, 0xFF, 0x2F, 0])
    header = b"".join(x.to_bytes(2, "big") for x in (kind, 1, division))
    return (
        b"MThd" + (6).to_bytes(4, "big") + header
        + b"MTrk" + len(track).to_bytes(4, "big") + track
    )  # fmt: skip


def test_what_a_midi_file_says(tmp_path):
    events = bytes(
        [0, 0x90, 60, 64]  # beat 0: C down
        + [0, 0x99, 35, 64]  # a drum
        + [2, 0x90, 64, 64]  # beat 1/2: E down
        + [1, 64, 0]  # beat 3/4: E up, by running status and velocity 0
        + [5, 0x90, 60, 90]  # beat 2: C struck again
        + [4, 0x80, 60, 0]  # beat 3: C up
        + [0, 0x91, 108, 1]  # the highest key, never released
        + [2, 0xFF, 0x01, 1, 65]  # a text, half a beat later
    )
    path = tmp_path / "a.mid"
    path.write_bytes(midi_bytes(events))
    expected = np.zeros((7, 88), bool)
    expected[:6, 60 - 21] = True
    expected[1:2, 64 - 21] = True
    expected[6, 108 - 21] = True
    np.testing.assert_array_equal(read_midi(path, 2), expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"MTxd and more", "must be a MIDI file, got byte 0x78 at offset 2."),
        (b"MT", "must be a MIDI file, got its end at offset 2."),
        (midi_bytes(b"")[:-6], "must be a MIDI file, but before offset 20 of 20: "),
        (midi_bytes(bytes([0, 0xF4])), "before offset 24 of 28: undefined status byte"),
        (midi_bytes(bytes([0, 0x90, 60, 200])), "before offset 26 of 30: data byte"),
        (midi_bytes(b""), "must hold a note, got none."),
        (midi_bytes(bytes([0, 0x90, 20, 1])), "from 21 to 108, the keys of a piano"),
        (midi_bytes(b"", kind=2), "must have tracks played together"),
        (midi_bytes(b"", division=0xE728), "counted in beats, got type 0"),
    ],
)
def test_what_is_no_music_is_refused_by_file_and_byte(tmp_path, content, message):
    path = tmp_path / "x.mid"
    path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        read_midi(path, 2)
    assert str(path) in str(error.value) and message in str(error.value)


def test_no_damaged_file_gives_anything_but_a_value_error(tmp_path):
    whole = bytearray(write_midi(random_pieces([11])[0], 2))
    rng, path, refused = np.random.default_rng(1), tmp_path / "x.mid", 0
    for _ in range(100):
        damaged = whole.copy()
        damaged[rng.integers(14, len(whole))] = rng.integers(256)
        path.write_bytes(damaged[: rng.integers(4, 2 * len(whole))])
        try:
            read_midi(path, 2)
        except ValueError:
            refused += 1
    assert refused > 30


# ---- data


def test_the_parts_of_a_data_set(tmp_path, monkeypatch):
    parts = dict(
        zip(("train", "valid", "test"), map(random_pieces, ([4, 7], [3], [5])))
    )
    content = {}
    for name, pieces in parts.items():
        content[f"{name}data"] = np.empty((1, len(pieces)), object)
        for i, piece in enumerate(pieces):
            content[f"{name}data"][0, i] = piece.astype(np.uint8)
    path = tmp_path / "JSB_Chorales.mat"
    scipy.io.savemat(path, content)
    monkeypatch.setattr(
        "experiments.data.lookup.find", lambda name, place: {path.name: path}
    )
    music = load_music("jsb_chorales", None, None, 2)
    for ours, theirs in zip(music[:3], parts.values()):
        jax.tree.map(np.testing.assert_array_equal, ours, theirs)
    assert len(music.digests["JSB_Chorales.mat"]) == 64


def test_canons_are_what_they_are_said_to_be():
    """The bass comes again every round, and every key can be told from the rest."""
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


@pytest.mark.parametrize("chord_frames", [4, 2])
def test_what_canons_cost_is_the_entropy_of_their_keys(monkeypatch, chord_frames):
    """Four frames long: the third brings a new note, or a new chord and a note."""
    for name in ("ROUNDS", "ROUND_FRAMES", "CHORD_FRAMES"):
        value = {"ROUNDS": 1, "ROUND_FRAMES": 4}.get(name, chord_frames)
        monkeypatch.setattr(canons, name, value)
    made = canons.make_canons(5000, seed=1)
    drawn: dict[bytes, list] = {}
    for canon in made:
        drawn.setdefault(canon.roll[:2].tobytes(), []).append(canon.roll[2])
    costs = [len(rolls) * entropy(np.mean(rolls, axis=0)) for rolls in drawn.values()]
    expected = sum(costs) / len(made)
    assert np.mean([canon.nats for canon in made]) == pytest.approx(expected, rel=0.03)


def entropy(p):
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return float(-(p * np.log(p) + (1 - p) * np.log(1 - p)).sum())


# ---- batches and the measure


def test_cut_pieces_predict_every_frame_but_the_first_once():
    pieces = random_pieces()
    cut = cut_pieces(pieces, 4)
    assert all(2 <= len(piece) <= 5 for piece in cut)
    np.testing.assert_array_equal(
        np.concatenate([piece[1:] for piece in cut]),
        np.concatenate([piece[1:] for piece in pieces]),
    )


def test_an_epoch_reads_every_piece_once_in_an_order_of_its_own():
    pieces = random_pieces(LENGTHS * 3, seed=2)
    num_batches, batch = draw_batches(pieces, 4, seed=5)
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


def test_both_measures_are_those_of_a_loop_without_padding(network):
    layer, params = network
    nats, frames = [], []
    for piece in random_pieces():
        p = 1 / (1 + np.exp(-log_odds(params, piece[:-1])))
        nats.append(-np.log(np.where(piece[1:], p, 1 - p)).sum())
        frames.append(len(piece) - 1)
    ours = measure(layer, params, make_batches(random_pieces()))
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
    both = {"key frequencies": 0.5, "key before": 0.1}
    for name, p in both.items():
        assert found[name].pooled == pytest.approx(entropy(p) + entropy(0.3), abs=0.02)


def test_the_best_are_kept_and_the_rate_decays():
    config = MusicConfig(hidden_size=3, patience=2, decay_rate=0.25)
    state = initial_state(config, make_network(config), jax.random.key(0))
    best, rates = [], []
    for number, loss in enumerate([5.0, 3.0, 4.0, 3.5, 2.0, 2.5]):
        state = judge(state._replace(params=jnp.float32(number)), loss, config)
        best.append(float(state.best_params))
        rates.append(float(state.rate_scale))
    assert best == [0, 1, 1, 1, 4, 4]
    assert rates == [1, 1, 1, 0.25, 0.25, 0.25]


# ---- samples


def test_greedy_samples_are_what_a_loop_finds_likelier(network):
    layer, params = network
    (prompt,) = random_pieces([6])
    roll = draw_frames(layer, params, prompt, 4, jax.random.key(0), 0.0)
    np.testing.assert_array_equal(roll[:6], prompt)
    np.testing.assert_array_equal(roll[6:], log_odds(params, roll)[5:-1] > 0)


def test_samples_have_the_frequencies_of_the_logits(network):
    """With no weights but the head's bias every frame is drawn alike."""
    layer, params = network
    params = jax.tree.map(jnp.zeros_like, params)
    bias = np.linspace(-3, 3, 88).astype(np.float32)
    params[-1][-1]["bias"] = jnp.asarray(bias)
    (prompt,) = random_pieces([3])
    roll = draw_frames(layer, params, prompt, 2000, jax.random.key(1), 0.5)
    expected = 1 / (1 + np.exp(-bias / 0.5))
    assert abs(roll[3:].mean(axis=0) - expected).max() < 0.06


def test_a_picture_shows_every_note():
    rolls = dict(zip("ab", random_pieces([12, 9])))
    figure = draw_rolls(rolls, 4)
    for axes, (title, roll) in zip(figure.axes, rolls.items()):
        bars = {(round(p.get_x()), round(p.get_y() + 0.4) - 21) for p in axes.patches}
        assert bars == set(map(tuple, np.argwhere(roll).tolist()))
        assert axes.get_title(loc="left") == title


# ---- training


def test_the_frequencies_of_the_keys_are_where_learning_begins():
    pieces = random_pieces([400, 300])
    config = MusicConfig(hidden_size=3, model="elman")
    layer = make_network(config)
    state = begin_at_frequencies(
        initial_state(config, layer, jax.random.key(0)), pieces
    )
    own, (*_, head) = state.params
    params = own, (*_, {**head, "kernel": 0 * head["kernel"]})
    expected = baselines(pieces, pieces)["key frequencies"]
    assert measure(layer, params, make_batches(pieces)).pooled == pytest.approx(
        expected.pooled, rel=1e-3
    )


def test_regularized_gradients_are_those_of_the_loss_and_of_the_penalty():
    """With a weight of 0 they are the plain ones; the penalty is of W alone."""
    config = MusicConfig(hidden_size=5, model="elman")
    params = make_network(config).init(jax.random.key(3), 88)
    (batch,) = make_batches(random_pieces([10, 12, 13, 14]))
    key = jax.random.key(1)
    loss, grads, _ = jax.jit(plain_gradients(config))(params, batch, key, None)
    gradients = jax.jit(regularized_gradients(config))
    assert gradients(params, batch, key, 0.0)[0] == pytest.approx(float(loss), rel=1e-5)
    without, with_penalty = (gradients(params, batch, key, x)[1] for x in (0.0, 2.0))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
        grads,
        without,
    )
    changed = jax.tree.map(lambda a, b: bool((a != b).any()), without, with_penalty)
    assert changed[0].pop("recurrent_kernel")
    assert not any(jax.tree.leaves(changed))


def test_noise_has_its_deviation_and_is_on_every_weight():
    params = {"kernel": jnp.full((200, 100), 3.0), "bias": jnp.zeros(300)}
    noisy = add_noise(params, 0.07, jax.random.key(0))
    for name, weights in params.items():
        noise = np.asarray(noisy[name] - weights)
        assert noise.std() == pytest.approx(0.07, rel=0.15)
        assert abs(noise.mean()) < 0.02
    assert abs(noisy["kernel"][:3].ravel() - 3 - noisy["bias"]).max() > 0.01


# ---- the command


def test_a_resumed_run_is_bit_identical_and_is_sampled(command, tmp_path):
    flags = "--eval-every 2 --checkpoint-every 3 --dropout-rate 0.3 --patience 1"
    flags += " --weight-noise 0.1 --recurrent-dropout-rate 0.2"
    assert command(f"{flags} --num-updates 4", "whole") == DONE
    assert command(f"{flags} --num-updates 2", "parts") == DONE
    assert call(f"--resume {tmp_path / 'parts'} --num-updates 4") == DONE
    whole, parts = metrics_of(tmp_path / "whole"), metrics_of(tmp_path / "parts")
    assert whole[-1] == parts[-1] and "test_loss_over_pieces" in whole[-1]
    samples = [tmp_path / run / "samples/00000004.mid" for run in ("whole", "parts")]
    assert samples[0].read_bytes() == samples[1].read_bytes()
    assert len(read_midi(samples[0], 2)) == 5 + 7
    for name in ("learning_curve", "piano_roll"):
        assert (tmp_path / "whole" / "plots" / f"{name}.png").stat().st_size > 10_000
    prompt, path = tmp_path / "midi" / "2.mid", tmp_path / "drawn.mid"
    flags = f"--sample 7 --prompt {prompt} --sample-path {path}"
    assert call(f"--resume {tmp_path / 'whole'} {flags}") == DONE
    roll = read_midi(path, 2)
    assert len(roll) == 5 + 7
    np.testing.assert_array_equal(roll[:5], read_midi(prompt, 2)[:5])
    assert path.with_suffix(".png").stat().st_size > 10_000


def test_bad_input_is_one_line_and_costs_no_training(command, tmp_path, capsys):
    assert command("--method regularized --num-layers 2") == BAD_INPUT
    assert "num_layers must be 1 with the method regularized, got 2" in (
        capsys.readouterr().err
    )
    assert command("--method regularized --recurrent-dropout-rate 0.1") == BAD_INPUT
    assert "recurrent_dropout_rate must be 0" in capsys.readouterr().err
    assert command("--max-norm 0") == BAD_INPUT
    assert "max_norm must be" in capsys.readouterr().err
    (tmp_path / "midi" / "9.mid").write_bytes(b"MThx")
    assert command() == BAD_INPUT
    assert "9.mid must be a MIDI file, got byte 0x78 at offset 3." in (
        capsys.readouterr().err
    )
    for path in (tmp_path / "midi").iterdir():
        path.unlink()
    assert command() == BAD_INPUT
    assert "must hold at least 5 files .mid or .midi, got 0" in capsys.readouterr().err
    (tmp_path / "midi").rmdir()
    assert command() == BAD_INPUT
    printed = capsys.readouterr()
    assert "midi_dir must be a directory" in printed.err
    assert "compiling" not in printed.out and not (tmp_path / "run").exists()


def test_missing_data_says_how_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("experiments.data.lookup._cache", lambda: tmp_path / "cache")
    monkeypatch.delenv("RNNJAX_DATA_DIR", raising=False)
    assert call(f"--dataset nottingham --run-dir {tmp_path / 'run'}") == NO_DATA
    assert "fetch polyphonic_music" in capsys.readouterr().err


def test_a_note_shorter_than_a_frame_is_heard(tmp_path):
    path = tmp_path / "short.mid"
    path.write_bytes(midi_bytes(bytes([0, 0x90, 60, 64, 1, 0x80, 60, 0]), division=8))
    (keys_down,) = map(np.flatnonzero, read_midi(path, 2))
    assert keys_down.tolist() == [60 - 21]


def test_the_weight_of_the_penalty_falls_by_epochs():
    config = MusicConfig(hidden_size=5, model="elman", method="regularized")
    layer = make_network(config)
    state = initial_state(config, layer, jax.random.key(3))
    (batch,) = make_batches(random_pieces([10, 12, 13, 14]))
    update = make_update(config, jax.random.key(1), epoch_length=2)
    weights = [
        float(update(state, batch, i)[1]["penalty_weight"]) for i in (0, 1, 2, 5)
    ]
    np.testing.assert_allclose(weights, [1, 1, 1 / 2, 1 / 3], rtol=1e-6)
