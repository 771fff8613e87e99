"""The errors by which readers and searches report what a user can mend."""


class BadInput(ValueError):
    """A file, a line or a record that a reader cannot take.

    Its text is `<path>, line <n>: <message>`, with as much of the place as is known.

    Attributes:
      message: what is wrong, without the place.
      path: the file, or None.
      line: number of the line, from 1, or None.
      byte: offset of the byte, from 0, or None.

    Args:
      message: what is wrong, as a sentence.
      path: the file, as anything whose text is its path.
      line: number of the line, from 1.
      byte: offset of the byte, from 0.
    """

    def __init__(
        self,
        message: str,
        path: object = None,
        line: int | None = None,
        byte: int | None = None,
    ):
        self.message, self.path, self.line, self.byte = message, path, line, byte
        parts = [
            None if path is None else str(path),
            None if line is None else f"line {line}",
            None if byte is None else f"byte {byte}",
        ]
        place = ", ".join(part for part in parts if part is not None)
        super().__init__(f"{place}: {message}" if place else message)


class MissingData(FileNotFoundError):
    """A data set is not on this machine; the message says how to get it."""
