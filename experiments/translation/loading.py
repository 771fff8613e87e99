"""The flags that say what to translate, and its pairs, in parts."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Literal

from experiments.data import splits
from experiments.data.pairs import Pair, read_aligned_pairs, read_tab_separated
from experiments.harness import BadInput, TrainingConfig, check_needs, flag
from experiments.translation.sets import SETS, Language, Parts, Units

Side = Literal["source", "target"]
SIDES: tuple[Side, Side] = ("source", "target")


@dataclasses.dataclass(frozen=True)
class PairFlags(TrainingConfig):
    """The flags that say what to translate."""

    dataset: Literal[
        "dates", "names", "multi30k", "enja", "scan_simple", "scan_length",
        "scan_jump", "scan_turn_left", "scan_around_right", "cmudict", "sigmorphon",
    ] = flag("dates", "data set; dates and names are made")  # fmt: skip
    language: Language = flag("fre", "language of the words of sigmorphon")
    data_path: Path | None = flag(
        None, "file of your own: a source, a tab and its target per line"
    )
    source_path: Path | None = flag(
        None, "instead: file of sources, one per line; needs target_path"
    )
    target_path: Path | None = flag(None, "file of their targets, a line per line")
    validation_source_path: Path | None = flag(
        None, "sources to validate on; none: a tenth of your pairs"
    )
    validation_target_path: Path | None = flag(None, "their targets")
    test_source_path: Path | None = flag(
        None, "sources to test on; needs those to validate on; none: no test then"
    )
    test_target_path: Path | None = flag(None, "their targets")
    encoding: str = flag("utf-8", "encoding of your own files")
    swap: bool = flag(False, "translate from the target to the source")
    source_units: Units | None = flag(
        None, "what a source is split into; none: as its data set asks for, else words"
    )
    target_units: Units | None = flag(None, "the same for a target")
    num_pieces: int = flag(
        4000, "pieces of each side, where a text is split into pieces", minimum=1
    )

    def __post_init__(self):
        """Checks that the files come together."""
        super().__post_init__()
        for part in ("", "validation_", "test_"):
            names = f"{part}source_path", f"{part}target_path"
            given = [getattr(self, name) is not None for name in names]
            if any(given) and not all(given):
                raise ValueError(f"{names[0]} and {names[1]} must be given together.")
        if self.data_path is not None and self.source_path is not None:
            raise ValueError("data_path must not be given with source_path.")
        needs = {
            "validation_source_path": "source_path",
            "test_source_path": "validation_source_path",
        }
        check_needs(self, needs)

    @property
    def is_own(self) -> bool:
        """Whether the pairs are the user's."""
        return self.data_path is not None or self.source_path is not None

    def units_of(self, side: Side) -> Units:
        """Returns what the texts of a side are split into."""
        if given := getattr(self, f"{side}_units"):
            return given
        if self.is_own:
            return "words"
        other = "target" if side == "source" else "source"
        return getattr(SETS[self.dataset], f"{other if self.swap else side}_units")


def load_pairs(flags: PairFlags) -> Parts:
    """Loads the pairs.

    Those of the user's are split 80/10/10 by a checksum of their source.

    Raises:
      BadInput: if a file cannot be read, or a part of it would be empty.
      MissingData: if the data set is not on this machine.
    """
    if flags.is_own:
        parts = _read_own(flags)
    else:
        parts = SETS[flags.dataset].read(flags.data_dir, flags.language)
    if not flags.swap:
        return parts

    def turned(part):
        return [Pair(pair.targets[0], (pair.source,)) for pair in part]

    train, validation, test, digests = parts
    return Parts(turned(train), turned(validation), turned(test), digests)


def _read_own(flags: PairFlags) -> Parts:
    paths = {
        field.name: getattr(flags, field.name)
        for field in dataclasses.fields(flags)
        if field.name in ("data_path", "source_path", "target_path")
        or field.name.endswith(("_source_path", "_target_path"))
    }
    digests = {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths.values()
        if path is not None
    }

    def read(part: str) -> list[Pair]:
        source, target = paths[f"{part}source_path"], paths[f"{part}target_path"]
        return [] if source is None else read_aligned_pairs(source, target, encoding)

    encoding = flags.encoding
    if flags.validation_source_path is not None:
        return Parts(read(""), read("validation_"), read("test_"), digests)
    pairs = read("")
    if flags.data_path is not None:
        pairs = read_tab_separated(flags.data_path, encoding)
    parts: dict[splits.Part, list[Pair]] = {"train": [], "validation": [], "test": []}
    for pair in pairs:
        parts[splits.part_of_line(pair.source)].append(pair)
    for name, part in parts.items():
        if not part:
            path = flags.data_path or flags.source_path
            raise BadInput(f"there are too few pairs: none is for {name}.", path)
    return Parts(parts["train"], parts["validation"], parts["test"], digests)
