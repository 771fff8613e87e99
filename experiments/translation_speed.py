"""Rate of translation: sentences per second of a trained translator, by beam search.

A run of `experiments.translation` writes its test part as it does at the end of its
training: in batches of sentences of similar length. Compiling, which the first turn
does, is not counted, nor is reading the data.

  python -m experiments.translation --preset multi30k --data-dir DATA --run-dir RUN
  python -m experiments.translation_speed --translator RUN --data-dir DATA

OpenNMT-py reported 21 sentences per second on IWSLT14 with beam 4 and batch 32 on a GTX
1060, and 157 when its beams had become one batch.

References:
  github.com/OpenNMT/OpenNMT-py, pull request 791, 2018.
"""

import dataclasses
import statistics
import time
from pathlib import Path

from flax import nnx

from experiments.harness import Run, RunConfig, flag, main
from experiments.shared.trained import load
from experiments.translation.loading import load_pairs
from experiments.translation.writing import make_translate


@dataclasses.dataclass(frozen=True)
class Config(RunConfig):
    """Flags of the measurement."""

    translator: Path | None = flag(None, "run of experiments.translation")
    beam_size: int = flag(5, "hypotheses of the search; 1: greedy", minimum=1)
    batch_size: int = flag(32, "sentences per batch", minimum=1)
    num_sentences: int = flag(1000, "sentences of the test part at most", minimum=1)
    num_turns: int = flag(5, "turns", minimum=1)
    data_dir: Path | None = flag(
        None, "directory of the data sets; by default $RNNJAX_DATA_DIR or the cache"
    )


def measure(config: Config, run: Run) -> None:
    """Translates in turns, and prints the rate.

    Raises:
      ValueError: if no translator is given, or it has no test part.
    """
    if config.translator is None:
        raise ValueError("translator must be given, the directory of its run.")
    module, trained, symbols = load(
        config.translator, experiment="experiments.translation"
    )
    trained = dataclasses.replace(
        trained, data_dir=config.data_dir, batch_size=config.batch_size
    )
    pairs = load_pairs(trained).test[: config.num_sentences]
    if not pairs:
        raise ValueError("translator must have a test part, got one without.")
    translate = make_translate(module, symbols, trained)
    params = nnx.as_pure(nnx.state(module))
    run.rewind(0)
    rates = []
    for i in range(config.num_turns + 1):
        start = time.perf_counter()
        written = translate(params, pairs, beam_size=config.beam_size)
        seconds = time.perf_counter() - start
        if i:
            rates.append(len(pairs) / seconds)
            run.log(i, rate=rates[-1])
    length = statistics.mean(len(text.split()) for text in written)
    run.print(
        f"{statistics.median(rates):.0f} sentences per second ({min(rates):.0f} to "
        f"{max(rates):.0f} in {len(rates)} turns), {len(pairs)} sentences, beam "
        f"{config.beam_size}, {length:.1f} words written per sentence"
    )


if __name__ == "__main__":
    main(measure, Config)
