"""What a trained recognizer makes of drawings."""

import dataclasses
import json
from pathlib import Path
from typing import TextIO

import jax
import numpy as np
import tyro
from flax import nnx

from experiments.data.drawings import read_drawings
from experiments.data.stroke_frames import frames_of
from experiments.handwriting_recognition.loading import frame_options
from experiments.harness import BadInput, flag
from experiments.shared.answering import Format, round_up
from experiments.shared.recognition.examples import scale
from experiments.shared.recognition.fusion import load_language_model
from experiments.shared.recognition.writing import decode, make_search
from experiments.shared.trained import Trained


@dataclasses.dataclass(frozen=True)
class TranscribeFlags:
    """The flags of `--transcribe`."""

    files: tyro.conf.Positional[tuple[Path, ...]] = flag(
        (), "files of JSON lines, .inkml files, or folders of such"
    )
    beam_size: int = flag(8, "hypotheses of the search; 1 without a model: greedy")
    language_model: Path | None = flag(None, "run of char_lm that weighs the texts")
    language_weight: float = flag(0.5, "how much it counts")
    bonus: float = flag(0.5, "added to the score of a text for every character")
    format: Format = flag(
        "text", "text: a text per drawing; jsonl: a JSON object per drawing"
    )

    def __post_init__(self):
        """Checks the numbers."""
        if not self.files:
            raise ValueError("files must be given after --transcribe, got none.")
        if self.beam_size < 1:
            raise ValueError(f"beam_size must be positive, got {self.beam_size}.")


def transcribe_files(trained: Trained, flags: TranscribeFlags, output: TextIO) -> int:
    """Writes the text of each drawing; returns the number of what is bad."""
    module, config, symbols = trained
    model = None
    if flags.language_model is not None:
        model = load_language_model(flags.language_model, symbols)
    search = make_search(module, beam_size=flags.beam_size, language_model=model)
    params = nnx.as_pure(nnx.state(module))
    fused = (flags.language_weight, flags.bonus) if model is not None else ()

    def transcribe(strokes) -> str:
        values = scale(frames_of(strokes, **frame_options(config)), symbols)
        length = round_up(len(values))
        frames = np.zeros((1, length, values.shape[1]), np.float32)
        frames[0, : len(values)] = values
        mask = np.arange(length)[None] < len(values)
        tokens, lengths = jax.device_get(search(params, frames, mask, *fused))
        return decode(tokens, lengths, symbols)[0]

    num_bad = 0
    for path in flags.files:
        answers: list[dict[str, str]] = []
        try:
            drawings = read_drawings(path)
        except (BadInput, OSError) as error:
            drawings, answers = [], [{"error": " ".join(str(error).split())}]
        for number, drawing in enumerate(drawings, 1):
            try:
                answers.append({"text": transcribe(drawing.strokes)})
            except ValueError as error:
                answers.append({"error": f"{path}, drawing {number}: {error}"})
        for fields in answers:
            num_bad += "error" in fields
            line = fields.get("text", f"error: {fields.get('error')}")
            if flags.format == "jsonl":
                line = json.dumps({"file": str(path), **fields}, ensure_ascii=False)
            print(line, file=output, flush=True)
    return num_bad
