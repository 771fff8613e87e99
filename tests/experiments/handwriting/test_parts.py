"""Scaling and noise of offsets, made lines, writing, and likeness to primes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from experiments.data.splits import part_of_line
from experiments.data.stroke_fonts import Style, write_text
from experiments.data.stroke_sets import StrokeParts
from experiments.data.stroke_style import slant_of
from experiments.data.strokes import Drawing, from_offsets
from experiments.handwriting import loading, writing
from experiments.handwriting.batches import Batcher
from experiments.handwriting.loading import (
    encode,
    encode_text,
    make_symbols,
    scaled,
    unscaled,
)
from experiments.handwriting.made import made_lines
from experiments.handwriting.pictures import make_density_map
from experiments.handwriting.report import make_measure, measure_likeness
from experiments.handwriting.writing import Written, make_write
from experiments.shared import buckets as bucketing
from rnnjax import lstm
from rnnjax.layers import bind_text
from rnnjax.losses import graves_mixture
from rnnjax.models.handwriting import Handwriting


def draw_drawings(rng, lengths=(9, 4, 6, 12), grid=True):
    drawings = []
    for length in lengths:
        points = rng.normal(size=(length, 2)) * (6, 0.7)
        points = np.round(points) if grid else points
        text = "".join(rng.choice(list("abcd"), size=length // 3))
        drawings.append(Drawing(np.split(points, [2]), text, text))
    return drawings


def test_offsets_are_scaled_to_a_deviation_of_one_with_their_noise():
    rng = np.random.default_rng(0)
    drawings = draw_drawings(rng, rng.integers(4, 60, 50))
    symbols = make_symbols(drawings, 1.0, has_text=True)
    data = encode(drawings, symbols)
    batcher = Batcher(data, symbols, 50, max_shapes=1)
    (rows,) = bucketing.rows_in_order(batcher.buckets)
    first, again, other = (batcher.batch(rows, seed) for seed in ((1,), (1,), (2,)))
    np.testing.assert_array_equal(first.targets, again.targets)
    steps = first.targets[first.mask][:, :2]
    np.testing.assert_allclose(steps.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(steps.std(axis=0), 1, atol=0.02)
    # Noise stays within its step of the grid, and a second draw is another.
    for i, index in enumerate(rows.indices):
        length = len(data.offsets[index]) - 1
        for batch in (first, other):
            noise = batch.targets[i, :length, :2] - data.offsets[index][1:, :2]
            noise *= symbols.scale
            assert 0.05 < np.abs(noise).max() <= 0.5001
            bits = data.offsets[index][1:, 2]
            np.testing.assert_array_equal(batch.targets[i, :length, 2], bits)
    assert (first.targets != other.targets).any()
    assert not first.inputs[:, 0, :2].any()
    np.testing.assert_array_equal(first.inputs[:, 1:], first.targets[:, :-1])
    assert symbols.pace == sum(map(len, data.texts)) / sum(map(len, data.offsets))


def test_scaling_leads_back():
    (drawing,) = draw_drawings(np.random.default_rng(1), (9,), grid=False)
    symbols = make_symbols(draw_drawings(np.random.default_rng(2)), 0.0, has_text=False)
    back = from_offsets(unscaled(scaled(drawing.strokes, symbols), symbols))
    shift = drawing.strokes[0][0] - back[0][0]
    for got, stroke in zip(back, drawing.strokes, strict=True):
        np.testing.assert_allclose(got + shift, stroke, atol=1e-5)


def test_characters_that_training_has_not_are_blank():
    symbols = make_symbols(draw_drawings(np.random.default_rng(3)), 0.0, has_text=True)
    text = encode_text("a?b", symbols)
    assert text.tolist()[1] == -1 and text[0] >= 0 and text[2] >= 0


def test_made_lines_are_of_many_styles_and_no_text_in_two_parts():
    parts = made_lines("rowmans", 0, (40, 6, 7))
    assert list(map(len, parts[:3])) == [40, 6, 7]
    for name, part in zip(("train", "validation", "test"), parts[:3]):
        assert {part_of_line(own.text or "") for own in part} == {name}
    heights = [np.ptp(np.concatenate(own.strokes)[:, 1]) for own in parts.train]
    assert max(heights) > 1.8 * min(heights)
    slants = [slant_of(own.strokes) for own in parts.train]
    assert min(slants) < -0.2 and max(slants) > 0.4
    same = made_lines("rowmans", 0, (40, 6, 7))
    assert same.test[0].strokes[0].tolist() == parts.test[0].strokes[0].tolist()


def test_words_are_joined_to_lines_of_their_part(monkeypatch):
    rng = np.random.default_rng(6)
    words = [
        Drawing(draw_drawings(rng, (11,))[0].strokes, text, text) for text in "abc"
    ]
    parts = StrokeParts(words[:2], words[2:], words[2:], 1.0)
    monkeypatch.setattr(loading, "read_cursive_words", lambda _: parts)
    flags = loading.StrokeFlags(dataset="cursive_words", words_per_line=3)
    found, digests = loading.load_drawings(flags)
    assert digests and found.grid == 1.0
    texts = [own.text or "" for own in found.train]
    assert [text[0] for text in texts] == ["a", "b"]
    for text in texts:
        assert set(text[2::2]) <= {"a", "b"} and len(text) == 5
    (line,) = found.test
    assert line.text == "c c c"
    width = np.ptp(np.concatenate(words[2].strokes)[:, 0])
    shift = line.strokes[3] - line.strokes[1]
    np.testing.assert_allclose(shift, np.tile([width + loading.GAP, 0], (4, 1)))
    # Of each stroke every third point is kept, and the last.
    assert list(map(len, line.strokes)) == [2, 4] * 3
    upright = loading.StrokeFlags(dataset="cursive_words", deslant=True)
    assert loading.load_drawings(upright)[0].grid == 0


@pytest.fixture(scope="module")
def small():
    """Drawings, what is known of them, and a model of them."""
    drawings = draw_drawings(np.random.default_rng(4), (9, 4, 9, 9, 9))
    symbols = make_symbols(drawings, 1.0, has_text=True)
    assert symbols.characters is not None
    model = Handwriting(
        [lstm(3)],
        density=graves_mixture(2),
        text_size=len(symbols.characters),
        num_components=2,
        pace=symbols.pace,
        rngs=nnx.Rngs(0),
    )
    return drawings, symbols, model, nnx.as_pure(nnx.state(model))


def test_nats_count_every_point_once(small):
    drawings, symbols, model, params = small
    got = make_measure(model, symbols, batch_size=2)(params, drawings)
    data = encode(drawings, symbols)
    batcher = Batcher(data, symbols, 2)
    layer_params = nnx.as_pure(model.params)

    @jax.jit
    def log_probs_of(params, inputs, targets):
        _, outputs = model.layer.apply(params, None, inputs)
        return model.density.log_prob(model.density.params(outputs), targets)

    total, count = 0.0, 0
    for i, rows in enumerate(bucketing.rows_in_order(batcher.buckets)):
        batch = batcher.batch(rows, (1, i))
        text_mask = jnp.asarray(batch.text_mask.T)
        bound = bind_text(layer_params, batch.text.T, model.text_size, text_mask)
        # Without a mask: what comes after a drawing does not reach into it.
        own = (np.swapaxes(x, 0, 1) for x in (batch.inputs, batch.targets))
        log_probs = np.asarray(log_probs_of(bound, *own)).T
        for row, index in zip(log_probs, rows.indices):
            if index >= 0:
                length = len(data.offsets[index]) - 1
                total, count = total - row[:length].sum(), count + length
    assert count == 8 + 3 + 8 + 8 + 8
    assert got == pytest.approx(total / count, rel=1e-5)


def test_the_map_of_densities_is_their_sum_in_the_lines_own_coordinates(small):
    drawings, symbols, model, params = small
    drawing = drawings[0]
    found = make_density_map(model, symbols)(params, drawing)
    points = np.concatenate(drawing.strokes)
    points -= points[0]
    np.testing.assert_allclose(np.concatenate(found.strokes), points, atol=1e-4)
    text = jnp.asarray(encode_text(drawing.text, symbols))[None]
    inputs = jnp.asarray(scaled(drawing.strokes, symbols))[None, :-1]
    chosen = [(0, 0), (20, 31), (-1, -2), (55, 8)]
    # Both with the pen lifted after the point and not: [places, bits, points, 3].
    targets = np.zeros((4, 2, 8, 3), np.float32)
    targets[:, 1, :, 2] = 1
    for row, place in zip(targets, chosen):
        offsets = found.places[place] - points[:-1]
        row[..., :2] = (offsets - symbols.mean) / symbols.scale

    @jax.jit
    def log_probs_of(text, inputs, targets):
        return model.density.log_prob(
            model.density.params(model(inputs, text)), targets
        )

    sums = np.exp(log_probs_of(text, inputs, targets)).sum(axis=(1, 2))
    got = [found.sums[place] for place in chosen]
    np.testing.assert_allclose(got, sums, rtol=1e-4)
    assert min(sums) > 1e-6


def test_every_row_is_written_as_if_alone(small, monkeypatch):
    drawings, symbols, model, params = small

    def sample_density(density, *, bias):
        return lambda key, outputs: jnp.tanh(bias * outputs[..., :3])

    monkeypatch.setattr(writing, "sample_density", sample_density)
    write = make_write(model, symbols)
    primes = drawings[:2]
    options = {"bias": 3.0, "num_steps": 20}
    both = write(params, ["ab", "ab"], 3, primes=primes, **options)
    assert [own.text for own in both] == [f"{own.text} ab" for own in primes]
    for prime, own in zip(primes, both):
        offsets = scaled(prime.strokes, symbols)
        np.testing.assert_array_equal(own.offsets[: len(offsets)], offsets)
        drawn = own.offsets[len(offsets) :]
        rows = from_offsets(unscaled(drawn, symbols))
        np.testing.assert_allclose(
            np.concatenate(own.strokes), np.concatenate(rows), atol=1e-9
        )
        assert own.window is not None
        assert own.window.shape == (len(own.offsets), len(own.text) + 1)
        # It ends in the stroke in which the window is first more after the text than in
        # it, but not before it has drawn a point.
        is_over = own.window[:, -1] > own.window[:, :-1].max(axis=1)
        assert own.ended == is_over.any()
        if own.ended:
            assert is_over[len(own.offsets) - 1] or own.offsets[-1, 2] > 0.5
        else:
            assert len(drawn) == 20
    # The shorter prime, without padding.
    own, given = both[1].offsets, len(scaled(primes[1].strokes, symbols))
    text = encode_text(both[1].text, symbols)[None]
    alone = jax.jit(lambda *given: (model(*given), model.window(*given)))
    outputs, window = (rows[0] for rows in alone(own[None], text))
    expected = np.tanh(3.0 * outputs[given - 1 : -1, :3])
    np.testing.assert_allclose(own[given:], expected, atol=1e-5)
    np.testing.assert_allclose(np.asarray(both[1].window), window, atol=1e-5)


@pytest.mark.parametrize(
    ("step", "first", "expected"),
    [
        (0, 2, 5),  # over while the prompt was read: to the end of the first stroke
        (3, 2, 5),  # within a stroke, which is finished
        (4, 2, 5),  # at its last point
        (5, 2, 5),  # at the first point of another, which is not begun
        (5, 5, 7),  # but one point at least is drawn
        (7, 2, 7),
        (8, 2, 9),  # in a stroke that is not finished
        (10**9, 2, 9),
    ],
)
def test_a_line_ends_with_a_stroke(step, first, expected):
    offsets = np.zeros((9, 3))
    offsets[[1, 4, 6], 2] = 1  # the last points of strokes
    assert writing._end_of_stroke(offsets, step, first) == expected


def test_likeness_is_the_correlation_over_primes():
    rng = np.random.default_rng(5)
    styles = [Style(float(s), float(z), 0.1) for s, z in rng.uniform(0.2, 1.0, (6, 2))]
    primes = [write_text("hill", "rowmans", style, rng) for style in styles]
    least = min(style.size for style in styles)  # the one line without its end

    def copying(params, texts, seed, *, bias, primes):
        """Writes in the slant of each prime, and in the size of another."""
        sizes = [styles[i - 1].size for i in range(len(styles))]
        found = []
        for text, style, size in zip(texts, styles, sizes):
            own = write_text(text, "rowmans", style._replace(size=size), rng)
            found.append(
                Written(own.strokes, np.zeros((2, 3)), None, text, size > least)
            )
        return found

    likeness = measure_likeness(copying, None, primes)
    assert likeness.slant > 0.98
    expected = np.corrcoef(
        [style.size for style in styles], np.roll([style.size for style in styles], 1)
    )
    assert likeness.size == pytest.approx(expected[0, 1], abs=0.1)
    assert likeness.ended == pytest.approx(5 / 6)
    assert likeness.pairs.shape == (6, 4)
