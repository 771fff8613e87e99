"""Made pairs, copied words, and the command at a tiny size."""

import datetime
import json
import shutil

import jax
import numpy as np
import pytest
from flax import nnx

from experiments.harness import read_params
from experiments.harness.command import BAD_INPUT, DONE
from experiments.shared.trained import load
from experiments.translation import __main__ as experiment
from experiments.translation.loading import PairFlags
from experiments.translation.made import FORMS, made_dates, made_names
from experiments.translation.symbols import NUM_COPIED, decode, encode, make_symbols
from tests.experiments.running import plots_of, results_of, run

SIZES = (60, 10, 12)


def test_every_date_is_written_in_a_form_of_its_own_part():
    parts = made_dates(0, SIZES)
    assert tuple(map(len, parts)) == SIZES
    written = [set(pair.targets[0] for pair in part) for part in parts]
    assert not written[0] & (written[1] | written[2]) and not written[1] & written[2]
    used = set()
    for pair in parts.train:
        date = datetime.date.fromisoformat(pair.targets[0])
        used.add([form(date) for form in FORMS].index(pair.source))
    assert used == set(range(len(FORMS)))


def test_words_that_no_vocabulary_knows_are_copied():
    parts = made_names(0, SIZES)
    symbols = make_symbols(parts.train, PairFlags(dataset="names"), min_count=2)
    data = encode(parts.test, symbols, copies=True)
    for i, pair in enumerate(parts.test):
        assert len(data.new_words[i]) == 2
        assert max(data.target[i]) == len(symbols.target) + 1
        assert decode(data.target[i], symbols, data.new_words[i]) == pair.targets[0]
        # A token beyond the vocabulary is the same word on both sides.
        words = [*pair.source.split(), "</s>"]
        names = [*symbols.target.symbols, *data.new_words[i]]
        for word, token in zip(words, data.copied[i], strict=True):
            assert names[token] == (word if token else "<unk>")
    without = encode(parts.test, symbols, copies=False)
    assert max(map(max, without.target)) < len(symbols.target)


def test_words_beyond_those_that_can_be_copied_are_unknown():
    parts = made_names(0, SIZES)
    symbols = make_symbols(parts.train, PairFlags(dataset="names"), min_count=2)
    words = [f"word{i}" for i in range(NUM_COPIED + 2)]
    pair = parts.test[0]._replace(source=" ".join(words), targets=(words[-1],))
    data = encode([pair], symbols, copies=True)
    assert data.new_words == [words[:NUM_COPIED]]
    assert data.copied[0][-3:-1].tolist() == [0, 0] and data.target[0][0] == 0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"source_path": "a"}, "source_path and target_path must be given together"),
        ({"attention": "none", "copy": True}, "copy needs attention, got none"),
        ({"reverse_source": True}, "must not be given with both_directions"),
        ({"attention": "last"}, "must not be given with both_directions"),
        ({"copy": True, "target_units": "pieces"}, "must not be given with pieces"),
        (
            {"test_source_path": "a", "test_target_path": "b"},
            "test_source_path needs validation_source_path",
        ),
    ],
)
def test_flags_that_do_not_fit(flags, message):
    with pytest.raises(ValueError, match=message):
        experiment.Config(**flags)


def test_a_run_is_trained_and_translates_lines(tmp_path, capsys):
    directory, path = tmp_path / "run", tmp_path / "pairs.tsv"
    pairs = made_names(0, SIZES)
    lines = [f"{p.source}\t{p.targets[0]}" for part in pairs for p in part]
    path.write_text("\n".join(lines))
    flags = "--copy --hidden-size 5 --embedding-size 4 --batch-size 32 --num-updates 2"
    flags += f" --eval-every 2 --beam-size 2 --schedule linear --data-path {path}"
    flags += " --average-over 2"
    assert run(experiment, f"{flags} --run-dir {directory}") == DONE
    metrics = results_of(directory)["metrics"]
    assert "tok:none" in results_of(directory)["bleu_signature"]
    assert metrics["test_perplexity"] == pytest.approx(
        2.718281828 ** metrics["test_loss"], rel=1e-5
    )
    assert metrics["test_free_perplexity"] > 1 and 0 <= metrics["test_bleu"] <= 100
    assert plots_of(directory) == {"attention", "learning_curve"}
    path.write_text("timo met saruva near the river\n\n")
    capsys.readouterr()
    flags = f"--resume {directory} --translate --input {path} --format jsonl"
    assert run(experiment, f"{flags} --beam-size 3 --num-best 2") == BAD_INPUT
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    scores = [found["score"] for found in first["translations"]]
    assert len(scores) == 2 and scores == sorted(scores, reverse=True)
    assert "must hold a text" in second["error"]

    # Two times the same run is an ensemble that predicts as the run does.
    flags += f" --beam-size 3 --num-best 2 --with-runs {directory}"
    assert run(experiment, flags) == BAD_INPUT
    both = json.loads(capsys.readouterr().out.splitlines()[0])
    for one, other in zip(first["translations"], both["translations"], strict=True):
        assert one["text"] == other["text"]
        assert one["score"] == pytest.approx(other["score"], abs=1e-5)

    other = shutil.copytree(directory, tmp_path / "other")
    symbols = json.loads((other / "symbols.json").read_text())
    symbols["source"]["symbols"][-1] = "atlantis"
    (other / "symbols.json").write_text(json.dumps(symbols))
    assert run(
        experiment, flags.replace(f"with-runs {directory}", f"with-runs {other}")
    )
    assert "missing are 'atlantis'" in capsys.readouterr().err

    # What is kept is the mean of the parameters after the two updates.
    kept = nnx.as_pure(nnx.state(load(directory).module))
    last = read_params(directory, kept, branches=("params",))
    for own, x in zip(*map(jax.tree.leaves, (kept, last)), strict=True):
        # A step of Adam changes a parameter by the learning rate at most.
        assert 0 < np.abs(own - x).max() < 0.51 * 3e-3
