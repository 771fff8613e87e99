"""Question answering: a story or an image, a question about it, and one answer.

The plain reader reads the story and then the question as one sequence. The others
encode the question first: one reads it again at every word of the story, one looks back
at the words of the story by attention, as at the places of an image.

  python -m experiments.question_answering
  python -m experiments.question_answering --data-path my.txt
  python -m experiments.question_answering --preset babi --data-dir DATA
  python -m experiments.question_answering --preset easy_vqa --data-dir DATA
  python -m experiments.question_answering --resume RUN --ask < lines.txt

Beside a model stand the most frequent answer, a model that reads the questions alone,
and the model itself with the stories shuffled among the questions.

References:
  Weston et al., "Towards AI-Complete Question Answering: A Set of Prerequisite Toy
  Tasks", 2015; Hermann et al., "Teaching Machines to Read and Comprehend", NeurIPS
  2015; the example `babi_rnn.py` of Keras; Zhou, "easy-VQA", 2019.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import jax
import optax
from flax import nnx

from experiments.harness import Run, fit, flag, main
from experiments.harness.names import look_up
from experiments.question_answering import report
from experiments.question_answering.answers import AskFlags, make_reply
from experiments.question_answering.batches import Batch, Shapes, common_shapes
from experiments.question_answering.examples import (
    Loaded,
    Symbols,
    check_answers,
    encode,
    make_symbols,
)
from experiments.question_answering.loading import StoryFlags, load_tasks, task_name
from experiments.question_answering.scores import (
    Score,
    accuracy,
    apply,
    compile_options,
    make_scorer,
    mean_nats,
)
from experiments.question_answering.tasks import (
    Task,
    join,
    key_of_task,
    make_task,
    metrics_of_all,
    split,
)
from experiments.shared import buckets as bucketing
from experiments.shared.answering import answer_from
from experiments.shared.best import BestState, initial_state, keep_best, make_update
from experiments.shared.cells import cell_makers
from experiments.shared.optimizers import OptimizerFlags, make_optimizer
from experiments.shared.trained import load, save_symbols
from experiments.shared.training import num_weights
from rnnjax.attention import additive
from rnnjax.base import Array
from rnnjax.layers import (
    bidirectional,
    dropout,
    embed,
    last_read,
    last_step,
    plain_reader,
    question_reader,
    recurrent,
    stack,
)
from rnnjax.models.image_network import ImageNetwork, alexnet_like
from rnnjax.models.question_answerer import QuestionAnswerer


@dataclasses.dataclass(frozen=True)
class Config(OptimizerFlags, StoryFlags):
    """Flags of question answering."""

    reader: Literal["plain", "every_word", "attentive"] = flag(
        "attentive",
        "plain: the story and then the question; every_word: the question again at "
        "every word of the story; attentive: that, and attention over the story",
    )
    cell: str = flag("gru", "recurrent cell, by the name of its maker")
    hidden_size: int = flag(64, "width of the cell of each direction", minimum=1)
    both_directions: bool = flag(True, "whether all is read in both directions")
    embedding_size: int = flag(50, "width of the vectors of words", minimum=1)
    dropout_rate: float = flag(0.1, "probability of zeroing around layers", minimum=0)
    batch_size: int = flag(32, "questions per update", minimum=1)
    max_shapes: int = flag(
        2, "lengths of stories at most, each of which takes a program", minimum=1
    )
    learning_rate: float = flag(3e-3, "learning rate", minimum=0)
    patience: int = flag(
        2, "evaluations without a better score until the rate is halved", minimum=1
    )
    num_updates: int = flag(1500, "updates of the parameters in all, of each task")
    eval_every: int = flag(150, "updates between two evaluations")

    def __post_init__(self):
        """Checks that images are attended to."""
        super().__post_init__()
        if self.is_visual and self.reader != "attentive":
            raise ValueError(f"reader must be attentive for images, got {self.reader}.")


BABI = Config(
    dataset="babi",
    hidden_size=50,
    dropout_rate=0.3,
    max_shapes=5,
    batch_size=64,
    learning_rate=5e-3,
    num_updates=600,  # about forty epochs
    eval_every=50,
    checkpoint_every=300,
    patience=4,
)
PRESETS = {
    "babi": BABI,
    "babi_plain": dataclasses.replace(
        BABI, reader="plain", cell="lstm", both_directions=False
    ),
    "babi_every_word": dataclasses.replace(
        BABI, reader="every_word", both_directions=False
    ),
    "easy_vqa": Config(
        dataset="easy_vqa", batch_size=64, num_updates=2500, eval_every=500
    ),
}


def make_model(config: Config, symbols: Symbols, rngs: nnx.Rngs) -> nnx.Dict:
    """Makes a model for each task, by the names of the tasks.

    A model does not depend on the other tasks that have one.
    """
    key = rngs.params()
    return nnx.Dict(
        {
            name: make_answerer(config, symbols, nnx.Rngs(key_of_task(key, name)))
            for name in symbols.tasks
        }
    )


def make_answerer(
    config: Config, symbols: Symbols, rngs: nnx.Rngs, sees_images: bool = True
) -> QuestionAnswerer:
    """Makes one model, from words or images to scores of answers.

    Raises:
      ValueError: if there is no cell of that name.
    """
    make_cell = look_up("cell", config.cell, cell_makers())
    drop = [dropout(config.dropout_rate)] if config.dropout_rate else []
    num_answers, size = len(symbols.answers), config.hidden_size
    words = stack(embed(config.embedding_size), *drop)
    cell = make_cell(size)
    reads = bidirectional(cell) if config.both_directions else recurrent(cell)
    reads = stack(reads, *drop)
    pooling = last_read if config.both_directions else last_step
    vocab_size = len(symbols.words)
    if config.reader == "plain":
        reader = plain_reader(stack(words, reads), num_answers, pooling=pooling)
        return QuestionAnswerer(reader, vocab_size, rngs=rngs)
    attends = config.reader == "attentive"
    is_visual = bool(symbols.image_size)
    reader = question_reader(
        words,
        reads,
        None if is_visual else reads,
        num_answers,
        attention=additive(size) if attends else None,
        size=2 * size if attends else None,
        question_at_every_word=not is_visual,
        pooling=pooling,
    )
    if not (is_visual and sees_images):
        return QuestionAnswerer(reader, vocab_size, rngs=rngs)
    network = ImageNetwork(
        alexnet_like((16, 32, 32)), num_channels=symbols.image_size[-1], rngs=rngs
    )
    return QuestionAnswerer(
        reader,
        vocab_size,
        story_size=network.num_features,
        image_encoder=network,
        rngs=rngs,
    )


class Prepared(NamedTuple):
    """The parts of a training, for `train` and for any other tool.

    Attributes:
      data: the examples of all tasks of the data set.
      symbols: what the numbers stand for.
      shapes: the lengths that stories and questions are padded to.
      tasks: the batches of each task that has a model.
      models: the models with their initial parameters, by the names of the tasks.
      batch: `batch(i)`, the batch of update i of the first of them, on the host.
      epoch_length: updates per epoch of that one.
      module: its model.
      loss: `loss(params, batch, key) -> nats per question`.
      optimizer: the optimizer, including clipping.
    """

    data: Loaded
    symbols: Symbols
    shapes: Shapes
    tasks: dict[str, Task]
    models: nnx.Dict
    batch: Callable[[int], Batch]
    epoch_length: int
    module: QuestionAnswerer
    loss: Callable[..., Array]
    optimizer: optax.GradientTransformation


def prepare(config: Config) -> Prepared:
    """Makes the batches, the module, the loss and the optimizer.

    Words, answers and shapes are those of all tasks of the data set, so the model of a
    task is the same whether it is trained alone or with others, and all are compiled
    once.

    Raises:
      BadInput: if a file is bad, or a part of the user's has an answer that no
        training question has.
    """
    data = load_tasks(config)
    names = [task_name(config.task)] if config.task else list(data.tasks)
    symbols = make_symbols(data, names, config.min_count)
    if config.is_own:
        for part in data.tasks["own"][1:]:
            check_answers(part, symbols)
    parts = [part for task in data.tasks.values() for part in task]
    encoded = [encode(part, symbols) for part in parts]
    shapes = common_shapes(encoded, config.batch_size, config.max_shapes)
    tasks = {
        name: make_task(
            data.tasks[name], symbols, shapes, config.seed, images=data.images
        )
        for name in names
    }
    init_key, _ = jax.random.split(jax.random.key(config.seed))
    models = make_model(config, symbols, nnx.Rngs(init_key))
    first = tasks[names[0]]
    return Prepared(
        data,
        symbols,
        shapes,
        tasks,
        models,
        first.batch,
        bucketing.batches_per_epoch(first.train.buckets),
        models[names[0]],
        make_loss(models[names[0]]),
        make_optimizer(config),
    )


def make_loss(module: QuestionAnswerer) -> Callable[..., Array]:
    """Makes `loss(params, batch, key)`, nats per question."""
    graph = nnx.graphdef(module)

    def loss(params, batch, key):
        return mean_nats(apply(nnx.merge(graph, params), batch, key), batch)

    return loss


def judge(
    config: Config, task: Task, state: BestState, score: Score
) -> tuple[BestState, float]:
    """Returns the state, the best parameters kept, and the validation accuracy."""
    part = task.validation
    right = accuracy(score(state.params, part), part.data.targets)
    return keep_best(state, right, patience=config.patience), right


def make_question_only(config: Config, prepared: Prepared) -> Callable[[str], float]:
    """Makes `question_only(name)`, the accuracy of a model that sees no story.

    It is trained as the others are, and tested with its best parameters.
    """
    symbols, optimizer = prepared.symbols, prepared.optimizer
    init_key, train_key = jax.random.split(jax.random.key(config.seed))
    module = make_answerer(config, symbols, nnx.Rngs(init_key), sees_images=False)
    score = make_scorer(module)
    update = make_update(
        make_loss(module), optimizer, compiler_options=compile_options(module)
    )

    def question_only(name: str) -> float:
        task = make_task(
            prepared.data.tasks[name],
            symbols,
            prepared.shapes,
            config.seed,
            sees_story=False,
        )
        state, key = initial_state(module, optimizer), key_of_task(train_key, name)
        for i in range(config.num_updates):
            state, _ = update(state, task.batch(i), key, i)
            if (i + 1) % config.eval_every == 0 or i + 1 == config.num_updates:
                state, _ = judge(config, task, state, score)
        part = task.test or task.validation
        return accuracy(score(state.best.params, part), part.data.targets)

    return question_only


def train(config: Config, run: Run) -> None:
    """Trains a model for each task, with its controls at the end."""
    prepared = prepare(config)
    tasks, symbols = prepared.tasks, prepared.symbols
    for name, digest in prepared.data.digests.items():
        run.record_data(name, digest)
    save_symbols(run.directory, symbols)
    states = {
        name: initial_state(prepared.models[name], prepared.optimizer) for name in tasks
    }
    report.describe(run, prepared, num_weights(next(iter(states.values())).params))
    _, train_key = jax.random.split(jax.random.key(config.seed))
    keys = {name: key_of_task(train_key, name) for name in tasks}
    update_one = make_update(
        make_loss(prepared.module),
        prepared.optimizer,
        compiler_options=compile_options(prepared.module),
    )
    score = make_scorer(prepared.module)

    def update(state: BestState, i: int):
        states, metrics = split(state), {}
        for name, task in tasks.items():
            states[name], metrics[name] = update_one(
                states[name], task.batch(i), keys[name], i
            )
        return join(states), metrics_of_all(metrics)

    def evaluate(state: BestState, done: int):
        states = split(state)
        metrics = {}
        for name, task in tasks.items():
            states[name], right = judge(config, task, states[name], score)
            metrics[name] = {"validation_accuracy": right}
            best = float(states[name].best.score)
            metrics[name]["best_validation_accuracy"] = best
        state = join(states)
        if done == config.num_updates:
            question_only = make_question_only(config, prepared)
            for name, task in tasks.items():
                params = states[name].best.params
                metrics[name] |= report.final_scores(prepared, task, params, score)
                alone = f"{report.final_name(task)}_question_only"
                metrics[name][alone] = question_only(name)
        params = state.best.params
        means = report.write(run, done, prepared, params, metrics, score)
        return state, means

    units = {"units_per_update": config.batch_size * len(tasks), "unit": "questions"}
    fit(run, join(states), update, evaluate, **units)


def ask(directory: Path, flags: AskFlags) -> int:
    """Answers questions about stories or images, line by line."""
    trained = load(directory, experiment="experiments.question_answering")
    return answer_from(flags, make_reply(trained, flags))


if __name__ == "__main__":
    main(train, Config, presets=PRESETS, uses=[ask])
