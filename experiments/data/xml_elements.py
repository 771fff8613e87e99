"""The elements of an XML file, with their lines."""

from typing import NamedTuple
from xml.parsers import expat

from experiments.data.lookup import AnyPath, read_bytes
from experiments.harness.errors import BadInput


class Element(NamedTuple):
    """An element of an XML file.

    Attributes:
      name: its name, without a namespace.
      parent: the name of the element around it, "" for the outermost.
      attributes: by their names.
      text: the characters directly in it, in order.
      line: the line on which it begins, from 1.
    """

    name: str
    parent: str
    attributes: dict[str, str]
    text: str
    line: int


def read_elements(path: AnyPath, root: str) -> list[Element]:
    """Reads an XML file; nothing outside it is loaded.

    Args:
      path: the file; decompressed if its name ends in `.gz`.
      root: the name that the outermost element must have.

    Returns:
      The elements in the order in which they begin.

    Raises:
      BadInput: if the file is not XML, or of another outermost element.
    """
    parser = expat.ParserCreate()
    opened: list[tuple[int, list[str]]] = []
    elements: list[Element] = []

    def begin(name, attributes):
        parent = elements[opened[-1][0]].name if opened else ""
        opened.append((len(elements), []))
        name = name.rpartition(":")[2]
        line = parser.CurrentLineNumber
        elements.append(Element(name, parent, attributes, "", line))

    def end(name):
        del name
        index, parts = opened.pop()
        elements[index] = elements[index]._replace(text="".join(parts))

    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda text: opened[-1][1].append(text)
    try:
        parser.Parse(read_bytes(path), True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        line = parser.ErrorLineNumber
        raise BadInput(f"the file must be XML, but: {error}.", path, line) from None
    if elements[0].name != root:
        raise BadInput(
            f"the outermost element must be {root}, got {elements[0].name}.",
            path,
            elements[0].line,
        )
    return elements
