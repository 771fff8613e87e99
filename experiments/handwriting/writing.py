"""Writing: texts in the style of a prime, or strokes without a text."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from flax import nnx

from experiments.data.stroke_drawing import to_png, to_svg
from experiments.data.strokes import Drawing, from_offsets, thin
from experiments.data.strokes_json import read_json_strokes
from experiments.handwriting.loading import Symbols, encode_text, scaled, unscaled
from experiments.harness import BadInput, flag
from experiments.harness.console import print_text
from experiments.shared.answering import round_up
from experiments.shared.compiling import quick_compile
from experiments.shared.trained import Trained
from rnnjax.decoding import generate, sample_density
from rnnjax.layers import steps_to_end
from rnnjax.models.handwriting import Handwriting

SLACK = 1.6  # points drawn at most, as a multiple of those that the pace asks for


class Written(NamedTuple):
    """What was written.

    Attributes:
      strokes: the strokes.
      offsets: `[num_points, 3]`, those of the prime too, scaled.
      window: `[num_points, S + 1]`, where the window was; None without a text.
      text: what was to be written, that of the prime too.
      ended: whether the text was written to its end.
    """

    strokes: list[np.ndarray]
    offsets: np.ndarray
    window: np.ndarray | None
    text: str
    ended: bool


def make_write(module: Handwriting, symbols: Symbols) -> Callable[..., list[Written]]:
    """Makes `write(params, texts, seed, bias=0, primes=None, num_steps=None)`.

    `texts` are those to write, empty ones if the network is told none, `primes` a
    drawing for each, whose style is kept. `num_steps` is the number of points drawn at
    most; by default it follows from the longest text, or is that of the longest drawing
    of training. Where there is a text, a line ends with the stroke in which the window
    comes to rest after it.
    """
    graph = nnx.graphdef(module)

    @functools.partial(
        jax.jit, static_argnames=("num_steps", "bias"), compiler_options=quick_compile()
    )
    def draw(params, prompt, mask, text, text_mask, key, num_steps, bias):
        model = nnx.merge(graph, params)
        drawn = generate(
            model.layer,
            model.bind(text, text_mask=text_mask),
            jnp.swapaxes(prompt, 0, 1),
            num_steps,
            key,
            sampler=sample_density(model.density, bias=bias),
            mask=mask.T,
        ).drawn
        return jnp.swapaxes(drawn, 0, 1)

    @functools.partial(jax.jit, compiler_options=quick_compile())
    def look(params, offsets, mask, text, text_mask):
        model = nnx.merge(graph, params)
        weights = model.window(offsets, text, mask=mask, text_mask=text_mask)
        lengths = text_mask.sum(axis=1)
        return weights, steps_to_end(jnp.swapaxes(weights, 0, 1), lengths)

    def write(
        params: Any,
        texts: Sequence[str],
        seed: int,
        *,
        bias: float = 0.0,
        primes: Sequence[Drawing] | None = None,
        num_steps: int | None = None,
    ) -> list[Written]:
        if primes is None:
            whole = list(texts)
            prompts = [np.zeros((1, 3), np.float32)] * len(texts)
        else:
            whole = [f"{own.text or ''} {text}" for own, text in zip(primes, texts)]
            prompts = [scaled(own.strokes, symbols) for own in primes]
        given = symbols.characters is not None
        if num_steps is None:
            longest = max(map(len, texts)) + 1
            wanted = SLACK * longest / symbols.pace if given else symbols.longest
            num_steps = round_up(int(wanted) + 1, 64)
        text = text_mask = None
        if given:
            text, text_mask = _padded([encode_text(own, symbols) for own in whole])
        prompt, prompt_mask = _padded(prompts)
        key = jax.random.key(seed)
        arrays = params, prompt, prompt_mask, text, text_mask, key
        drawn = jax.device_get(draw(*arrays, num_steps=num_steps, bias=bias))
        rows = [np.concatenate([own, new]) for own, new in zip(prompts, drawn)]
        ends = np.full(len(rows), 10**9)
        weights: Any = [None] * len(rows)
        if given:
            offsets, mask = _padded(rows)
            weights, ends = jax.device_get(look(params, offsets, mask, text, text_mask))
        found = []
        for i, own in enumerate(rows):
            first, size = len(prompts[i]), len(whole[i]) + 1
            ended = bool(ends[i] < len(own)) or not given
            last = _end_of_stroke(own, int(ends[i]), first)
            strokes = from_offsets(unscaled(own[first:last], symbols))
            window = None if weights[i] is None else weights[i][:last, :size]
            found.append(Written(strokes, own[:last], window, whole[i], ended))
        return found

    return write


def _end_of_stroke(offsets: np.ndarray, step: int, first: int) -> int:
    """Finds the end of the stroke in which a text comes to its end.

    Args:
      offsets: `[num_points, 3]`, those of a prompt and of what was drawn after it.
      step: the step at which the window first rests after the text; `num_points` or
        more if it never does.
      first: number of points of the prompt.

    Returns:
      The number of points up to there, one that was drawn at least. The point of that
      step is left out if it would begin a stroke.
    """
    step = max(step, first)
    if step >= len(offsets):
        return len(offsets)
    is_lifted = offsets[:, 2] > 0.5
    if step > first and is_lifted[step - 1]:
        return step
    lifts = np.flatnonzero(is_lifted[step:])
    return step + 1 + (int(lifts[0]) if lifts.size else 0)


def _padded(rows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Stacks arrays of unequal lengths, and their mask; few lengths are made."""
    length = round_up(max(map(len, rows)))
    padded = np.zeros((len(rows), length, *rows[0].shape[1:]), rows[0].dtype)
    for row, own in zip(padded, rows):
        row[: len(own)] = own
    lengths = np.array(list(map(len, rows)))
    return padded, np.arange(length) < lengths[:, None]


@dataclasses.dataclass(frozen=True)
class WriteFlags:
    """The flags of `--write`.

    Raises:
      ValueError: if the bias is below 0.
    """

    text: tyro.conf.Positional[str] = flag(
        "", "the text; none for a run that is told no text"
    )
    bias: float = flag(1.0, "how much neater than the data: 0 is as they are")
    prime: Path | None = flag(
        None, "file with one JSON line of strokes, whose style is kept"
    )
    seed: int = flag(0, "seed of the draws")
    output: Path | None = flag(
        None, "files to write, without .svg and .png; none: written/SEED in the run"
    )

    def __post_init__(self):
        """Checks the bias."""
        if self.bias < 0:
            raise ValueError(f"bias must be at least 0, got {self.bias}.")


def write_files(directory: Path, trained: Trained, flags: WriteFlags) -> list[Path]:
    """Writes a text as SVG and PNG.

    Returns:
      The paths of the files.

    Raises:
      BadInput: if there is no text and the run needs one or the other way, a character
        was never seen in training, or the prime is not one drawing with its text.
    """
    module, config, symbols = trained
    known = symbols.characters
    if known is None and flags.text:
        raise BadInput(
            "the run is told no text: train one with --condition text.", directory
        )
    if known is not None and not flags.text.strip():
        raise BadInput("the text to write must not be empty.", directory)
    _check_known(flags.text, symbols, None, None)
    primes = None
    if flags.prime is not None:
        primes = [_read_prime(flags.prime, symbols, config.every)]
        if known is not None:
            _check_known(" ", symbols, None, None)
    params = nnx.as_pure(nnx.state(module))
    write = make_write(module, symbols)
    (written,) = write(params, [flags.text], flags.seed, bias=flags.bias, primes=primes)
    if not written.ended:
        print_text(f"the end of {flags.text!r} was not reached")
    base = flags.output or directory / "written" / str(flags.seed)
    base.parent.mkdir(parents=True, exist_ok=True)
    paths = [base.with_name(f"{base.name}{ending}") for ending in (".svg", ".png")]
    paths[0].write_text(to_svg(written.strokes), encoding="utf-8")
    paths[1].write_bytes(to_png(written.strokes))
    return paths


def _read_prime(path: Path, symbols: Symbols, every: int) -> Drawing:
    if not path.is_file():
        raise BadInput("there is no such file.", path)
    drawings = read_json_strokes(path)
    if len(drawings) != 1:
        raise BadInput(f"a prime must be one line, got {len(drawings)}.", path)
    (prime,) = drawings
    if symbols.characters is not None:
        if prime.text is None:
            raise BadInput("a prime must have its text, got none.", path, 1)
        _check_known(prime.text, symbols, path, 1)
    return prime._replace(strokes=thin(prime.strokes, every))


def _check_known(text: str, symbols: Symbols, path, line) -> None:
    known = symbols.characters
    for character in text:
        if known is not None and character not in known:
            raise BadInput(
                f"the run has never seen {character!r} in a text.", path, line
            )
