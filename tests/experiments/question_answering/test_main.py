"""The command at a tiny size: several tasks, answers line by line, images."""

import itertools
import json

import jax
import numpy as np
import pytest
from flax import nnx
from PIL import Image

from experiments.harness import read_params
from experiments.harness.command import BAD_INPUT, DONE
from experiments.harness.config import read_config
from experiments.question_answering import __main__ as experiment
from experiments.question_answering.examples import Loaded, Parts
from experiments.question_answering.made import made_stories
from rnnjax.models.image_network import Convolution
from tests.experiments.running import plots_of, results_of, run
from tests.pytrees import assert_same_bits

SIZES = (40, 10, 12)
TINY = (
    "--cell elman --hidden-size 4 --embedding-size 3 --batch-size 16 --max-shapes 1 "
    "--num-updates 2 --eval-every 2 --no-both-directions --dropout-rate 0"
)


def write_stories(path, examples, number=1):
    lines = []
    for example in examples:
        for number, words in enumerate(example.sentences, 1):
            lines.append(f"{number} {' '.join(words)}")
        asked = " ".join(example.question)
        lines.append(f"{number + 1} {asked}\t{example.answer}\t1")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A tiny run on stories of the user's own."""
    directory = tmp_path_factory.mktemp("own")
    train, validation, test = made_stories(0, SIZES)
    paths = [directory / f"{name}.txt" for name in Parts._fields]
    for path, part in zip(paths, (train, validation, test)):
        write_stories(path, part)
    flags = (
        f"--data-path {paths[0]} --validation-path {paths[1]} --test-path {paths[2]}"
    )
    with pytest.MonkeyPatch.context() as patch:  # that control is trained elsewhere
        patch.setattr(experiment, "make_question_only", lambda *_: lambda name: 0.25)
        assert run(experiment, f"{TINY} {flags} --run-dir {directory / 'run'}") == DONE
    return directory / "run"


def test_a_run_shows_its_controls(own):
    metrics = results_of(own)["metrics"]
    names = [f"test_accuracy{x}" for x in ("", "_majority", "_question_only")]
    for name in (*names, "test_accuracy_shuffled_story"):
        assert 0 <= metrics[name] <= 1
    _, _, test = made_stories(0, SIZES)
    answers = [example.answer for example in test]
    assert metrics["test_accuracy_majority"] in {
        answers.count(answer) / len(answers) for answer in answers
    }
    assert plots_of(own) == {"attention", "learning_curve"}


def ask(capsys, path, text, flags):
    path.write_text(text)
    capsys.readouterr()
    code = run(experiment, f"{flags} --ask --input {path} --format jsonl")
    return code, list(map(json.loads, capsys.readouterr().out.splitlines()))


STORY = "mary went to the garden .\nmary took the apple .\n"


def test_questions_are_answered_line_by_line(own, tmp_path, capsys):
    text = f"{STORY}where is mary ?\n\nwhere is mary ?\nzebra went to the park .\n"
    text += f"{STORY}Where is mary?\tgarden\t1\n"
    code, lines = ask(capsys, tmp_path / "lines.txt", text, f"--resume {own}")
    assert code == BAD_INPUT and len(lines) == text.count("\n")
    assert lines[0] == {"line": 1, "sentence": "mary went to the garden ."}
    first, last = lines[2], lines[-1]
    assert first["question"] == "where is mary ?" and 0 < first["probability"] <= 1
    assert len(first["looked_at"]) == 2
    assert sum(first["looked_at"]) == pytest.approx(1, abs=1e-3)
    assert "must come after a story" in lines[4]["error"]
    assert "words must be among the" in lines[5]["error"]
    assert "got 'zebra'" in lines[5]["error"]
    assert last["question"] == "Where is mary?"
    for name in ("answer", "probability", "looked_at"):
        assert first[name] == last[name]


def test_numbered_lines_begin_their_stories_by_themselves(own, tmp_path, capsys):
    text = "1 john went to the park.\n2 Where is John?\tpark\t1\n"
    text += "1 mary ran to the park .\n2 fred ran to the park .\n"
    text += "3 where is mary ?\nwhere is mary ?\n"
    flags = f"--resume {own} --numbered"
    code, lines = ask(capsys, tmp_path / "lines.txt", text, flags)
    assert code == BAD_INPUT
    assert [len(lines[i]["looked_at"]) for i in (1, 4)] == [1, 2]
    assert "must have a number and a text, got 'where" in lines[5]["error"]


def compile_once(monkeypatch, name):
    """Lets runs share what they compile, first of the model, then of its control."""
    make, made, calls = getattr(experiment, name), [], itertools.count()

    def make_once(*arguments, **options):
        number = next(calls)
        if number < 2:
            made.append(make(*arguments, **options))
        return made[number % 2]

    monkeypatch.setattr(experiment, name, make_once)
    return made


def several_tasks(flags):
    made = [made_stories(seed, SIZES) for seed in (1, 2)]
    return Loaded({"qa1": made[0], "qa2": made[1]}, {})


def test_a_task_is_trained_the_same_alone_and_with_others(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(experiment, "load_tasks", several_tasks)
    updates = compile_once(monkeypatch, "make_update")
    compile_once(monkeypatch, "make_scorer")
    flags = f"{TINY} --dataset babi --reader plain --batch-size 128"
    both, alone = tmp_path / "both", tmp_path / "alone"
    assert run(experiment, f"{flags} --run-dir {both}") == DONE
    printed = capsys.readouterr().out
    assert "above the majority answer in" in printed and "qa2" in printed
    assert run(experiment, f"{flags} --task 2 --run-dir {alone}") == DONE
    # Of each kind, of the model and of the questions alone, there is one program.
    assert [update._cache_size() for update in updates] == [1, 1]
    config = experiment.Config(**read_config(experiment.Config, both / "config.json"))
    template = nnx.as_pure(nnx.state(experiment.prepare(config).models))
    of_both = read_params(both, template, branches=("best.params",))
    of_one = read_params(alone, {"qa2": template["qa2"]}, branches=("best.params",))
    assert_same_bits(of_both["qa2"], of_one["qa2"])
    differ = jax.tree.map(
        lambda x, y: bool((x != y).any()), of_both["qa1"], of_both["qa2"]
    )
    assert any(jax.tree.leaves(differ))
    metrics = results_of(both)["metrics"]
    assert metrics["test_accuracy"] == pytest.approx(
        np.mean([metrics[f"qa{i}_test_accuracy"] for i in (1, 2)])
    )
    assert metrics["qa2_test_accuracy"] == results_of(alone)["metrics"]["test_accuracy"]
    assert "tasks" in plots_of(both)
    text = f"{STORY}where is mary ?\n"
    for task, code in (
        ("--task qa2", DONE),
        ("", BAD_INPUT),
        ("--task qa3", BAD_INPUT),
    ):
        flags = f"--resume {both} {task}"
        assert ask(capsys, tmp_path / "lines.txt", text, flags)[0] == code


def some_images(flags):
    images = np.random.default_rng(0).integers(256, size=(6, 8, 8, 3)).astype(np.uint8)
    example = made_stories(0, (1, 1, 1)).train[0]
    part = [
        example._replace(sentences=(), support=(), image=i, answer="ab"[i % 2])
        for i in range(6)
    ]
    return Loaded({"easy_vqa": Parts(part, part, part)}, {}, images)


def test_questions_about_images(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(experiment, "load_tasks", some_images)
    small = (Convolution(2, stride=2),)
    monkeypatch.setattr(experiment, "alexnet_like", lambda channels: small)
    directory = tmp_path / "run"
    flags = f"{TINY} --dataset easy_vqa --run-dir {directory}"
    assert run(experiment, flags) == DONE
    assert plots_of(directory) == {"attention", "learning_curve"}
    picture, broken = tmp_path / "picture.png", tmp_path / "broken.png"
    Image.fromarray(some_images(None).images[2]).save(picture)
    broken.write_bytes(picture.read_bytes()[:50])
    question = " ".join(some_images(None).tasks["easy_vqa"].train[0].question)
    text = f"{question}\n{picture}\n{question}\n{broken}\n{question}\n"
    code, lines = ask(capsys, tmp_path / "lines.txt", text, f"--resume {directory}")
    assert code == BAD_INPUT
    assert "must come after an image" in lines[0]["error"]
    assert lines[2]["answer"] in "ab"
    assert "broken.png" in lines[3]["error"]
    assert "must come after an image" in lines[4]["error"]  # not of the one before


def test_bad_stories_are_refused_before_training(tmp_path, capsys):
    train, validation, _ = made_stories(0, SIZES)
    path, other = tmp_path / "train.txt", tmp_path / "validation.txt"
    write_stories(path, train)
    write_stories(other, validation[:1])
    with other.open("a") as file:
        file.write("1 mary went to the zoo .\n2 where is mary ?\tzoo\t1\n")
    flags = f"{TINY} --data-path {path} --validation-path {other}"
    assert run(experiment, f"{flags} --run-dir {tmp_path / 'run'}") == BAD_INPUT
    message = capsys.readouterr().err
    line = len(other.read_text().splitlines())
    assert f"validation.txt, line {line}: the answer must be one of" in message
    assert "'zoo'" in message
    write_stories(path, train[:1])
    assert run(experiment, f"{TINY} --data-path {path}") == BAD_INPUT
    assert "too few stories" in capsys.readouterr().err
    flags = f"{TINY} --dataset easy_vqa --reader plain"
    assert run(experiment, flags) == BAD_INPUT
    assert "reader must be attentive for images" in capsys.readouterr().err
