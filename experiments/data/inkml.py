"""InkML: the ink of one drawing, as a W3C format."""

from experiments.data.lookup import AnyPath
from experiments.data.strokes import Drawing, checked_strokes, named
from experiments.data.xml_elements import Element, read_elements
from experiments.harness.errors import BadInput

TEXT_TYPES = ("truth", "label", "transcription")


def read_inkml(path: AnyPath) -> Drawing:
    """Reads an InkML file: its traces, and its annotation of type truth as text.

    Points must be given by plain numbers: not by differences (`'`, `"`), nor by what
    stands for a value (`*`, `?`).

    Args:
      path: the file; decompressed if its name ends in `.gz`.

    Returns:
      The drawing. Its text is that of an annotation directly in `ink` whose type is
      truth, label or transcription. Its group is its text, or the file's name.

    Raises:
      BadInput: if the file is not InkML, has no channels X and Y, or its traces are not
        strokes, see `checked_strokes`.

    References:
      Watt and Underhill (eds.), "Ink Markup Language (InkML)", W3C Recommendation 2011,
      section 3.2.1.
    """
    text, columns, strokes = None, (0, 1, 2), []  # X and Y by default
    elements = read_elements(path, "ink")
    channels = [
        element.attributes.get("name", "").upper()
        for element in elements
        if element.name == "channel" and element.parent == "traceFormat"
    ]
    if channels:
        if channels.count("X") != 1 or channels.count("Y") != 1:
            raise BadInput(
                f"a trace must have one channel X and one Y, got {channels}.", path
            )
        columns = channels.index("X"), channels.index("Y"), len(channels)
    for element in elements:
        if element.name == "trace":
            strokes.append(_points_of(element, columns, path))
        elif element.name == "annotation" and element.parent == "ink":
            if element.attributes.get("type", "").lower() in TEXT_TYPES:
                text = element.text.strip() or None
    strokes = checked_strokes(strokes, path, elements[0].line)
    return Drawing(strokes, text, text or named(path))


def _points_of(trace: Element, columns, path) -> list[tuple[float, float]]:
    x, y, num_channels = columns
    points = []
    content = trace.text.strip().removesuffix(",")
    for number, point in enumerate(content.split(",") if content else [], 1):
        fields = point.split()
        if len(fields) < num_channels:
            raise BadInput(
                f"point {number} of a trace must have {num_channels} numbers, got "
                f"{point.strip()[:40]!r}.",
                path,
                trace.line,
            )
        try:
            points.append((float(fields[x]), float(fields[y])))
        except ValueError:
            raise BadInput(
                f"point {number} of a trace must be plain numbers, got "
                f"{point.strip()[:40]!r}.",
                path,
                trace.line,
            ) from None
    if not points:
        raise BadInput("a trace must have points, got none.", path, trace.line)
    return points
