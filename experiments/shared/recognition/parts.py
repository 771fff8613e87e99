"""What is recognized, in parts, without what no alignment fits."""

from typing import NamedTuple

from experiments.shared.recognition.examples import Example, keep_alignable


class Parts(NamedTuple):
    """Examples for training, validation and test.

    Attributes:
      train, validation, test: the examples; `test` may be empty.
      digests: SHA-256 of the data, by name.
    """

    train: list[Example]
    validation: list[Example]
    test: list[Example]
    digests: dict[str, str]


def drop_unalignable(
    parts: Parts, units: str, subsampling: int, *, skip: bool
) -> tuple[Parts, list[str]]:
    """Leaves out the examples of all parts that CTC cannot align.

    Args:
      parts: the examples.
      units: see `keep_alignable`.
      subsampling: see there.
      skip: see there.

    Returns:
      The parts, and the names of what is left out.

    Raises:
      BadInput: see `keep_alignable`.
    """
    kept, left_out = {}, []
    for name in ("train", "validation", "test"):
        examples = getattr(parts, name)
        if examples:
            kept[name], names = keep_alignable(examples, units, subsampling, skip=skip)
            left_out += names
    return parts._replace(**kept), left_out
