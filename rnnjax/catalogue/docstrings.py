"""Reads the equations and the reference of a step from its docstring.

A step's docstring is where both are written; the catalogue repeats neither.
"""

import inspect
import textwrap
from collections.abc import Callable

HEADINGS = ("Args:", "Returns:", "Raises:", "Example:", "References:")


def sections(function: Callable) -> dict[str, str]:
    """Splits a docstring at its headings.

    Args:
      function: the function whose docstring is read.

    Returns:
      The text under each heading, by heading; what stands before the first one, by "".

    Example:
      >>> sorted(sections(sections))
      ['', 'Args:', 'Example:', 'Returns:']
    """
    heading, found = "", {"": []}
    for line in (inspect.getdoc(function) or "").splitlines():
        if line in HEADINGS:
            heading = line
            found[heading] = []
        else:
            found[heading].append(line)
    return {name: "\n".join(lines) for name, lines in found.items()}


def equations(function: Callable) -> str:
    """Returns the indented lines before the first heading, one equation per line."""
    lines = sections(function)[""].splitlines()
    return textwrap.dedent("\n".join(x for x in lines if x.startswith("    ")))


def first_reference(function: Callable) -> str:
    """Returns the first work under "References:", up to its year."""
    cited = []
    for word in sections(function).get("References:", "").split():
        cited.append(word)
        year = word.rstrip(",.;:")
        if year.isdecimal() and len(year) == 4:
            return " ".join([*cited[:-1], year])
    return " ".join(cited)
