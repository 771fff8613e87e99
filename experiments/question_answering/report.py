"""What a run of question answering prints, draws and writes."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.harness import Run
from experiments.question_answering.batches import Batcher
from experiments.question_answering.examples import encode, shuffled_stories
from experiments.question_answering.pictures import (
    answers_of,
    draw_attention,
    draw_tasks,
)
from experiments.question_answering.scores import (
    Score,
    accuracy,
    majority,
    mean_over_tasks,
)
from experiments.question_answering.tasks import Task
from experiments.shared.figures import score_curve

NUM_SAMPLES = 20  # questions in the file of samples, of each task


def describe(run: Run, prepared: Any, num_weights: int) -> None:
    """Prints what is trained."""
    symbols = prepared.symbols
    counts = {
        name: sum(len(getattr(task.parts, name)) for task in prepared.tasks.values())
        for name in ("train", "validation", "test")
    }
    sizes = ", ".join(f"{number:,} for {name}" for name, number in counts.items())
    run.print(
        f"{len(symbols.tasks)} tasks of {num_weights:,} weights each; "
        f"{len(symbols.words):,} words, {len(symbols.answers):,} answers; "
        f"questions: {sizes}"
    )
    known = set(symbols.answers)
    parts = [part for task in prepared.tasks.values() for part in task.parts]
    unknown = Counter(e.answer for part in parts for e in part if e.answer not in known)
    if unknown:
        run.print(
            f"{unknown.total()} questions have an answer that no training question "
            f"has, such as {next(iter(unknown))!r}; they count as wrong"
        )


def final_name(task: Task) -> str:
    """Returns what the final accuracy of a task is called; it may have no test part."""
    return "best_validation_accuracy" if task.test is None else "test_accuracy"


def final_scores(
    prepared: Any, task: Task, params: Any, score: Score
) -> dict[str, float]:
    """Scores the test part, or without one the validation part, and two controls.

    Returns:
      The accuracy, the same with the stories shuffled among the questions, and that of
      the most frequent answer of training.
    """
    part, examples = task.test, task.parts.test
    if part is None:
        part, examples = task.validation, task.parts.validation
    data = encode(shuffled_stories(examples, seed=0), prepared.symbols)
    shuffled = Batcher(data, prepared.shapes, prepared.data.images)
    name = final_name(task)
    return {
        name: accuracy(score(params, part), part.data.targets),
        f"{name}_shuffled_story": accuracy(score(params, shuffled), data.targets),
        f"{name}_majority": majority(task.parts.train, examples),
    }


def write(
    run: Run,
    done: int,
    prepared: Any,
    params: Any,
    metrics: Mapping[str, dict[str, float]],
    score: Score,
) -> dict[str, float]:
    """Logs an evaluation, and draws and writes what it shows.

    Args:
      run: the run.
      done: updates done.
      prepared: what was prepared.
      params: the best parameters of each task.
      metrics: by task, by metric.
      score: see `make_scorer`.

    Returns:
      The means over the tasks.
    """
    means = mean_over_tasks(metrics)
    is_last = "test_accuracy" in means
    by_task = {
        f"{task}_{name}": value
        for task, own in metrics.items()
        for name, value in own.items()
        if len(metrics) > 1
    }
    run.log(done, **means, **by_task)
    train, validation = (
        {name: getattr(task.parts, part) for name, task in prepared.tasks.items()}
        for part in ("train", "validation")
    )
    levels = [majority(train[name], validation[name]) for name in train]
    curve = score_curve(
        run.metrics(),
        "validation_accuracy",
        levels={"majority": float(np.mean(levels))},
        ylabel="nats per question",
    )
    run.write_plot("learning_curve", curve)
    run.write_sample(done, _samples(prepared, params, score))
    if prepared.module.reader.weigh is not None:
        run.write_plot("attention", draw_attention(prepared, params, score))
    if is_last and len(metrics) > 1:
        run.write_plot("tasks", draw_tasks(metrics))
        run.print(_table(metrics))
        run.write_sample(done, _table(metrics), "_tasks.txt")
    return means


def _table(metrics: Mapping[str, dict[str, float]]) -> str:
    """Returns the test accuracies of every task and their means, percent."""
    columns = {
        "test": "test_accuracy",
        "majority": "test_accuracy_majority",
        "question only": "test_accuracy_question_only",
        "shuffled story": "test_accuracy_shuffled_story",
    }
    rows = {**metrics, "mean": mean_over_tasks(metrics)}
    lines = [f"{'task':8}" + "".join(f"{name:>16}" for name in columns)]
    for name, own in rows.items():
        values = (f"{100 * own[column]:16.1f}" for column in columns.values())
        lines.append(f"{name:8}" + "".join(values))
    above = sum(
        own["test_accuracy"] > own["test_accuracy_majority"] for own in metrics.values()
    )
    lines.append(f"above the majority answer in {above} of {len(metrics)} tasks")
    return "\n".join(lines)


def _samples(prepared: Any, params: Any, score: Score) -> str:
    """Returns the first validation questions of every task with their answers."""
    lines = []
    for name, task in prepared.tasks.items():
        chosen = task.parts.validation[:NUM_SAMPLES]
        for example, given in zip(
            chosen, answers_of(prepared, params[name], chosen, score)
        ):
            story = " ".join(example.story) or f"image {example.image}"
            question = " ".join(example.question)
            mark = "right" if given == example.answer else f"true: {example.answer}"
            proof = " / ".join(" ".join(example.sentences[i]) for i in example.support)
            lines.append(f"{name}: {story}\n  {question} {given} ({mark})")
            lines += [f"  because: {proof}"] if proof else []
    return "\n".join(lines)
