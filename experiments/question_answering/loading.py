"""The stories and images of every data set, in parts."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from experiments.data import lookup
from experiments.data.registry import dataset as registered
from experiments.data.splits import part_of_line
from experiments.data.stories import Story, read_stories
from experiments.harness import BadInput, TrainingConfig, check_needs, flag
from experiments.question_answering.examples import Loaded, Parts, examples_of
from experiments.question_answering.made import made_stories
from experiments.question_answering.visual import read_easy_vqa

MADE = (8000, 500, 1000)
NUM_TASKS = 20


@dataclasses.dataclass(frozen=True)
class StoryFlags(TrainingConfig):
    """The flags that say what is asked."""

    dataset: Literal["stories", "babi", "easy_vqa"] = flag(
        "stories", "data set; stories are made"
    )
    task: int | None = flag(
        None, "task of bAbI, 1 to 20; none: all of them, a model each", minimum=1
    )
    data_path: Path | None = flag(
        None, "file of your own, in the format of bAbI, instead of a data set"
    )
    validation_path: Path | None = flag(
        None, "file to validate on; none: a tenth of the stories of data_path"
    )
    test_path: Path | None = flag(
        None,
        "file to test on; none: a tenth of those stories, or no test if there is a "
        "validation_path",
    )
    encoding: str = flag("utf-8", "encoding of your own files")
    min_count: int = flag(1, "occurrences that make a word known", minimum=1)

    def __post_init__(self):
        """Checks that the flags come together."""
        super().__post_init__()
        check_needs(
            self, {"validation_path": "data_path", "test_path": "validation_path"}
        )
        if self.task is not None:
            if self.dataset != "babi" or self.is_own:
                raise ValueError("task must not be given without --dataset babi.")
            if self.task > NUM_TASKS:
                raise ValueError(
                    f"task must be from 1 to {NUM_TASKS}, got {self.task}."
                )

    @property
    def is_own(self) -> bool:
        """Whether the stories are the user's."""
        return self.data_path is not None

    @property
    def is_visual(self) -> bool:
        """Whether questions are about images."""
        return self.dataset == "easy_vqa" and not self.is_own


def load_tasks(flags: StoryFlags) -> Loaded:
    """Loads the examples of all tasks of the data set, in parts.

    A tenth of the stories of bAbI's training file, chosen by a checksum, is for
    validation, and of easy-VQA a tenth of the images. The user's stories are split
    80/10/10 by the checksum.

    Raises:
      BadInput: if a file cannot be read, or a part of it would be empty.
      MissingData: if the data set is not on this machine.
    """
    if flags.data_path is not None:
        return _read_own(flags, flags.data_path)
    if flags.dataset == "babi":
        return _read_babi(flags.data_dir)
    if flags.dataset == "easy_vqa":
        parts, images = read_easy_vqa(lookup.find("easy_vqa", flags.data_dir))
        digests = registered("easy_vqa").digests
        return Loaded({"easy_vqa": parts}, digests, images)
    return Loaded({"stories": made_stories(0, MADE)}, {})


def task_name(number: int) -> str:
    """Returns the name of a task of bAbI."""
    return f"qa{number}"


def _read_babi(data_dir: Path | None) -> Loaded:
    paths = lookup.find("babi", data_dir)
    tasks = {}
    for number in range(1, NUM_TASKS + 1):
        (train_path,), (test_path,) = (
            [
                path
                for name, path in paths.items()
                if name.startswith(f"qa{number}_") and name.endswith(f"_{part}.txt")
            ]
            for part in ("train", "test")
        )
        stories = read_stories(train_path)
        tasks[task_name(number)] = Parts(
            examples_of([s for s in stories if _part_of(s) != "validation"]),
            examples_of([s for s in stories if _part_of(s) == "validation"]),
            examples_of(read_stories(test_path)),
        )
    return Loaded(tasks, registered("babi").digests)


def _read_own(flags: StoryFlags, path: Path) -> Loaded:
    paths = path, flags.validation_path, flags.test_path
    given = [path for path in paths if path is not None]
    digests = {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in given
    }
    read = [(path, read_stories(path, flags.encoding)) for path in given]
    if len(read) > 1:
        found = [examples_of(stories, path) for path, stories in read]
        parts = Parts(*found, *[[]] * (3 - len(found)))
    else:
        parts = Parts(*(_own_part(read[0][1], path, name) for name in Parts._fields))
    return Loaded({"own": parts}, digests)


def _own_part(stories: Sequence[Story], path: Path, name: str):
    chosen = [story for story in stories if _part_of(story) == name]
    if not chosen:
        raise BadInput(f"there are too few stories: none is for {name}.", path)
    return examples_of(chosen, path)


def _part_of(story: Story) -> str:
    return part_of_line(" ".join(word for words in story.sentences for word in words))
