"""Input that the experiments refuse before training, and their messages."""

import numpy as np
import pytest

from experiments import char_lm, word_lm
from experiments.benchmark import __main__ as benchmark
from experiments.benchmark.work import count_cores
from experiments.data.midi import write_midi
from experiments.gradient_flow import __main__ as gradient_flow
from experiments.handwriting import __main__ as handwriting
from experiments.handwriting_recognition import __main__ as handwriting_recognition
from experiments.harness.command import BAD_INPUT, NO_DATA
from experiments.memory_tasks import __main__ as memory_tasks
from experiments.polyphonic_music import __main__ as polyphonic_music
from tests.experiments.running import run


def ink(number, points="[0, 0], [3, 9]", text=', "text": "{}"'):
    """Returns drawings of a stroke each, as JSON lines."""
    line = f'{{"strokes": [[{points}]]{text}}}\n'
    lines = [line.replace("{}", str(i)).replace("LAST", str(i)) for i in range(number)]
    return "".join(lines).encode()


CONTENTS = {
    "ink.jsonl": ink(60),
    "few.jsonl": ink(2),
    "untold.jsonl": ink(40, text=""),
    "level.jsonl": ink(60, "[0, 1.5], [LAST, 1.5]"),
    "still.jsonl": ink(60, "[1, 0], [1, 0]"),
    "long.jsonl": ink(60, text=', "text": "{} is long, too long"'),
    "text.txt": b"the cat sat on a mat\n" * 60,
    "empty.txt": b"",
    "latin.txt": b"abc\xff",
    "short.txt": b"one",
    "folder/no_music": b"",
    **{f"music/{i}.mid": write_midi(np.eye(9, 88) > 0, 2) for i in range(5)},
}
REFUSED = {
    (handwriting, "--data-path ink.jsonl"): {
        "--num-layers 4": "num_layers must be at most 3, got 4",
        "--least-sigma 0": "least_sigma must be positive, got 0",
        "--model window --condition text": "condition must be none with the model",
        "--judge run": "judge needs the condition text",
        "--condition text --judge folder": "folder: the directory holds no run",
        "--words-per-line 2": "words_per_line needs the dataset cursive_words",
        "--keep-every 0": "keep_every must be at least 1, got 0",
        "--decay-updates 0": "decay_updates must be at least 1, got 0",
        "--data-path nowhere": "nowhere: there is no such file",
        "--data-path few.jsonl": "few.jsonl: there are too few drawings: none is for",
        "--data-path untold.jsonl --condition text": (
            "untold.jsonl, line 1: the drawing must have its text, got none"
        ),
        "--data-path level.jsonl": "the drawings must go to the right and down",
        "--data-path still.jsonl --unit-size": "must have a height to be scaled",
    },
    (handwriting, "--dataset kanji"): {"--condition text": "kanji has no texts"},
    (handwriting_recognition, "--data-path ink.jsonl"): {
        "--spacing 0": "spacing must be positive, got 0",
        "--slant-change -1": "slant_change must be at least 0, got -1",
        "--cell lstn": "cell must be lstm or slstm, got 'lstn'",
        "--language-model folder": "folder: the directory holds no run",
        "--data-path few.jsonl": "few.jsonl: there are too few drawings: none is for",
        "--data-path untold.jsonl": "line 1: the drawing must have its text, got none",
        "--data-path still.jsonl": "drawing 1, '",
        "--data-path long.jsonl": "texts are too long for their frames, such as that",
    },
    (char_lm, "--num-steps 5 --data-path text.txt"): {
        "--prompt caté": "the model has seen, got 'é' at position 3",
        "--batch-size 400": "the training text must have at least 2,400 tokens",
        "--dropout-rate 1": "rate must be from 0 to less than 1, got 1.0",
        "--tie-weights": "embedding_size must be given to tie the weights",
        "--data-path empty.txt": "empty.txt: the file must hold a text",
        "--data-path latin.txt": "byte 3: the file must be utf-8, got byte 0xff",
        "--hidden-size 0": "hidden_size must be at least 1, got 0",
        "--num-layers 0": "num_layers must be at least 1, got 0",
        "--batch-size 0": "batch_size must be at least 1, got 0",
        "--num-steps 0": "num_steps must be at least 1, got 0",
        "--num-updates 0": "num_updates must be at least 1, got 0",
        "--train-fraction 0": "train_fraction must be between 0 and 1, got 0.0",
    },
    (word_lm, ""): {
        "--data-path short.txt": "short.txt: the data are too short",
    },
    (gradient_flow, ""): {
        "--num-steps 0": "num_steps must be at least",
        "--num-measured 0": "num_measured must be at least",
        "--hidden-size 0": "hidden_size must be at least",
    },
    (polyphonic_music, "--data-path music"): {
        "--data-path folder": (
            "folder: must contain files ending in .mid or .midi, got none"
        ),
        "--data-path nowhere": "nowhere: must be a MIDI file or a dir",
        "--max-norm 0": "max_norm must be",
        "--method regularized --num-layers 2": (
            "num_layers must be 1 with the method regularized, got 2"
        ),
        "--method regularized --variational-dropout-rate 0.1": (
            "variational_dropout_rate must be 0"
        ),
    },
    (memory_tasks, ""): {
        "--task addding_le": "task must be adding_le",
        "--task digits_rows --num-steps 5": "num_steps must not be given for digits",
        "--cell lstn": "cell must be lstm or slstm, got 'lstn'",
        "--layer stak": "layer must be stack, got 'stak'",
        "--method clip": "method must be clipped, got 'clip'",
        "--grid learn=1": "clipped, learning_rate or max_norm, got 'learn'",
        "--grid max_norm=1 max_norm=2": "must name a field once, got 'max_norm' twice",
        "--grid max_norm=1,x": "must give max_norm positive numbers, got 'x'",
        "--grid max_norm=0": "must give max_norm positive numbers, got '0'",
        "--learning-rate 0": "learning_rate must be positive, got 0.0",
        "--num-tests 700": "num_tests must be a multiple of 500, got 700",
        "--num-updates 250": "num_updates must be a multiple of 100, got 250",
        "--method plain --grid max_norm=1": "plain, learning_rate, got 'max_norm'",
        "--layer dilated --method regularized": "method must not be regularized",
        "--task adding_le --num-steps 1": "num_steps must be at least 2",
        "--num-seeds 5 --num-devices 2": "num_devices must be one of 1, 5 to share 5",
    },
    (benchmark, "--contenders scan linen --reference scan --num-cores 1"): {
        "--cells lstm rnn": "invalid choice",
        "--contenders scan flaks": "contenders must be among scan, ",
        "--contenders linen torch": "reference must be one of the contenders, got",
        "--shapes 2,3": "shapes must be B,T,D of three positive whole numbers",
        "--shapes 2,3,5 2,0,5": "such as 20,35,200, got 2,0,5",
        "--shapes 2,3,5.5": "such as 20,35,200, got 2,3,5.5",
        "--lengths 4 0": "lengths must be at least 1, got (4, 0)",
        "--num-rounds 0": "num_rounds must be at least 1, got 0",
        "--num-cores 9999": f"num_cores must be at most {count_cores()}, got 9999.",
        "--works": "works must not be empty",
        "--num-updates 3": "num-updates",
        "--contenders linen --reference linen --works vmap": (
            "reference must be one of scan, hoisted, remat for the works long and vmap"
        ),
    },
}


@pytest.mark.parametrize(
    ("experiment", "flags", "message"),
    [
        pytest.param(
            experiment, f"{given} {flags}", message, id=f"{experiment.__name__} {flags}"
        )
        for (experiment, given), refused in REFUSED.items()
        for flags, message in refused.items()
    ],
)
def test_bad_input_is_one_line_and_costs_no_training(
    experiment, flags, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for name, content in CONTENTS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    train = "benchmark" if experiment is benchmark else "train"
    assert run(experiment, f"--run-dir run {flags}", train) == BAD_INPUT
    printed = capsys.readouterr()
    assert message in " ".join(printed.err.replace("│", " ").split())
    assert printed.err.count("\n") == 1 or "--help" in printed.err  # from the parser
    assert "compiling" not in printed.out and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("experiment", "name", "parts"),
    [
        (char_lm, "ptb", ("ptb.train.txt", "fetch ptb", "LDC", "SHA-256")),
        (polyphonic_music, "nottingham", ("fetch polyphonic_music",)),
    ],
)
def test_missing_data_says_how_to_get_it(
    tmp_path, monkeypatch, capsys, experiment, name, parts
):
    monkeypatch.setattr("experiments.data.lookup._cache", lambda: tmp_path / "cache")
    monkeypatch.delenv("RNNJAX_DATA_DIR", raising=False)
    flags = f"--dataset {name} --run-dir {tmp_path / 'run'}"
    assert run(experiment, flags) == NO_DATA
    printed = capsys.readouterr().err
    assert all(part in printed for part in (*parts, str(tmp_path / "cache")))
