"""What the pictures have in common."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Of Okabe and Ito's palette, which people see apart whatever colours they confuse.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"


def new_figure(width: float, height: float) -> "Figure":
    """Makes an empty figure; sizes in inches."""
    from matplotlib.figure import Figure  # of which `--help` shall know nothing

    return Figure(figsize=(width, height), dpi=130, layout="constrained")


def without_frame(panels: Sequence[Any]) -> None:
    """Takes the upper and the right line off the panels."""
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)


def shades(count: int) -> list[Any]:
    """Returns colours from dark to light, ordered in black and white too."""
    from matplotlib import colormaps

    return [colormaps["viridis"](0.9 * i / max(count - 1, 1)) for i in range(count)]
