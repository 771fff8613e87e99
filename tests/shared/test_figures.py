"""The learning curve shows what was logged, and leaves matplotlib as it was."""

import numpy as np
from matplotlib.text import Text

from experiments.shared.figures import learning_curve
from tests.harness.conftest import run_python

METRICS = [
    *({"update": n, "loss": 10.0 / n, "grad_norm": 1.0} for n in range(1, 121)),
    {"update": 60, "validation_loss": 0.25},
    {"update": 120, "validation_loss": 0.125},
]


def test_curves_are_the_metrics():
    figure = learning_curve(METRICS, ylabel="nats a character")
    (axes,) = figure.axes
    raw, smooth, validation = axes.get_lines()
    losses = 10.0 / np.arange(1, 121)
    assert raw.get_xdata().tolist() == list(range(1, 121))
    np.testing.assert_array_equal(raw.get_ydata(), losses)
    expected = [losses[max(0, n - 1) : n + 1].mean() for n in range(120)]
    np.testing.assert_allclose(smooth.get_ydata(), expected, rtol=1e-12)
    assert validation.get_xdata().tolist() == [60, 120]
    assert validation.get_ydata().tolist() == [0.25, 0.125]
    assert axes.get_ylabel() == "nats a character"
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["training", "validation"]
    (axes,) = learning_curve(METRICS[:5]).axes  # of a run without evaluations
    assert len(axes.get_lines()) == 2


def test_levels_have_lines_and_labels_that_do_not_overlap():
    levels = {"5-gram": 1.669, "6-gram": 1.698, "4-gram": 1.774, "1-gram": 3.347}
    figure = learning_curve(METRICS, levels=levels)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    heights = {line.get_ydata()[0] for line in axes.get_lines()[3:]}
    assert heights == set(levels.values())
    texts = sorted(axes.texts, key=lambda text: text.get_position()[1])
    expected = ["5-gram 1.67", "6-gram 1.70", "4-gram 1.77", "1-gram 3.35"]
    assert [text.get_text() for text in texts] == expected
    boxes = [Text.get_window_extent(text) for text in texts]  # without the stroke
    assert all(a.y1 <= b.y0 for a, b in zip(boxes, boxes[1:], strict=False))
    assert all(box.x1 <= figure.bbox.x1 for box in boxes)
    low, high = axes.get_ylim()
    for text in texts:  # the stroke begins where the line ends
        level = levels[text.get_text().split()[0]]
        assert text.xy == (1.0, (level - low) / (high - low))


def test_drawing_leaves_pyplot_and_the_backend_alone():
    script = (
        "import sys, io; from experiments.shared.figures import learning_curve;"
        "learning_curve([{'update': 1, 'loss': 2.0}]).savefig(io.BytesIO());"
        "assert 'matplotlib.pyplot' not in sys.modules;"
        "import matplotlib; print(matplotlib.get_backend(auto_select=False))"
    )
    done = run_python("-c", script)
    assert done.stdout == "None\n", done.stderr
