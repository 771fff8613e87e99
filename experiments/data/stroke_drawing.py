"""Strokes as pictures: SVG, and PNG by Pillow."""

import io
from collections.abc import Sequence

import numpy as np

SMOOTHING = 4  # a PNG is drawn this much larger


def to_svg(strokes: Sequence[np.ndarray], height: float = 100.0) -> str:
    """Draws strokes as SVG, one path per stroke.

    Args:
      strokes: the strokes.
      height: height of the picture in pixels; the width follows.

    Returns:
      The text of the file.
    """
    strokes, size, pen = _fitted(strokes, height)
    paths = "\n".join(f'<path d="{_path_of(stroke)}"/>' for stroke in strokes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]:.2f}" '
        f'height="{size[1]:.2f}">\n<g fill="none" stroke="black" stroke-width="'
        f'{pen:.2f}" stroke-linecap="round" stroke-linejoin="round">\n{paths}\n</g>\n'
        "</svg>\n"
    )


def to_png(strokes: Sequence[np.ndarray], height: int = 100) -> bytes:
    """Draws strokes as PNG, black on white.

    Args:
      strokes: the strokes.
      height: height of the picture in pixels; the width follows.

    Returns:
      The content of the file.
    """
    from PIL import Image, ImageDraw

    strokes, size, pen = _fitted(strokes, height * SMOOTHING)
    picture = Image.new("L", (round(size[0]), round(size[1])), 255)
    draw = ImageDraw.Draw(picture)
    for stroke in strokes:
        line = [tuple(point) for point in stroke.tolist()]
        draw.line(line, fill=0, width=max(1, round(pen)), joint="curve")
        for x, y in (line[0], line[-1]):
            draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=0)
    small = max(1, round(size[0] / SMOOTHING)), height
    content = io.BytesIO()
    picture.resize(small, Image.Resampling.BOX).save(content, format="PNG")
    return content.getvalue()


def _fitted(strokes, height):
    """Returns strokes within a picture, its size, and the width of the pen."""
    points = np.concatenate(strokes)
    low, extent = points.min(axis=0), np.ptp(points, axis=0)
    margin = 0.1 * height
    scale = (height - 2 * margin) / max(extent[1], extent[0] / 50, 1e-9)
    size = extent[0] * scale + 2 * margin, height
    down = (height - extent[1] * scale) / 2
    moved = [(stroke - low) * scale + (margin, down) for stroke in strokes]
    return moved, size, height / 40


def _path_of(stroke):
    """Returns a path; that of a dot ends where it begins, which draws a round tip."""
    points = stroke if len(stroke) > 1 else stroke.repeat(2, axis=0)
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in points)
