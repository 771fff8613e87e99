"""Training rate of a classifier of reviews: rnnjax against Keras 3 on JAX, in turns.

Both train the LSTM of the preset imdb_lstm of `experiments.classification`, as a user
of each gets it: Keras by `fit` on reviews padded to 500 words, rnnjax by the updates of
the experiment, whose batches hold reviews of similar length. The initial parameters
and the order of the reviews differ; the sizes, the optimizer and the reviews do not.
Each turn reads 16 batches of 128 reviews; compiling is not counted.

  python -m experiments.classification_speed --data-dir DATA

Expected on two cores: rnnjax 1.7 times as fast. Takes a few minutes, and needs
Keras: pip install 'rnnjax[conformance]'.

References:
  Chollet, "Deep Learning with Python", 2017, section 6.2.
"""

import dataclasses
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from experiments.classification import __main__ as classification
from experiments.harness import Run, RunConfig, flag, main
from experiments.shared.best import initial_state

BATCHES_PER_TURN = 16


@dataclasses.dataclass(frozen=True)
class Config(RunConfig):
    """Flags of the comparison."""

    cell: str = flag("lstm", "cell: elman, lstm or gru")
    dataset: str = flag("imdb", "imdb, or made for reviews made by code")
    num_turns: int = flag(5, "turns of each", minimum=1)
    num_batches: int = flag(BATCHES_PER_TURN, "batches of 128 per turn", minimum=1)
    data_dir: Path | None = flag(
        None, "directory of the data sets; by default $RNNJAX_DATA_DIR or the cache"
    )


def prepare(config: Config) -> tuple[classification.Config, classification.Prepared]:
    """Makes the training of the preset imdb_lstm."""
    preset = dataclasses.replace(
        classification.PRESETS["imdb_lstm"],
        cell=config.cell,
        dataset=config.dataset,
        data_dir=config.data_dir,
        seed=config.seed,
    )
    return preset, classification.prepare(preset)


def rnnjax_turn(
    prepared: classification.Prepared, num_batches: int
) -> Callable[[], int]:
    """Makes a turn of the experiment's updates; it returns the reviews it has read."""
    update = classification.make_indexed_update(prepared, jax.random.key(0))
    state, done = initial_state(prepared.module, prepared.optimizer), 0
    shapes = set()
    for i in range(prepared.epoch_length):  # one update of each shape compiles all
        shape = prepared.batch(i).inputs.shape
        if shape not in shapes:
            shapes.add(shape)
            update(state, i)

    def turn():
        nonlocal state, done
        num_read = 0
        for _ in range(num_batches):
            num_read += int((prepared.batch(done).weights > 0).sum())
            state, metrics = update(state, done)
            done += 1
            jax.device_get(metrics)  # as training logs them
        return num_read

    return turn


def keras_turn(
    preset: classification.Config, prepared: classification.Prepared, num_batches: int
) -> Callable[[], int]:
    """Makes a turn of `fit` of Keras; it returns the reviews it has read."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    layers = keras.layers
    cells = {"elman": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}
    model = keras.Sequential(
        [
            layers.Embedding(len(prepared.symbols.words), preset.embedding_size),
            cells[preset.cell](preset.hidden_size),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.RMSprop(preset.learning_rate),
        loss="binary_crossentropy",
        metrics=["accuracy"],
    )
    rng = np.random.default_rng(0)
    size = num_batches * preset.batch_size
    texts, targets = prepared.data.train, prepared.train.targets
    done = 0

    def turn():
        nonlocal done
        done += 1
        chosen = rng.choice(len(texts), size, replace=len(texts) < size)
        inputs, labels = tokens[chosen], targets[chosen]
        model.fit(inputs, labels, preset.batch_size, verbose=0)  # type: ignore
        return size

    tokens = keras.utils.pad_sequences(
        [prepared.symbols.words.encode(text.words) for text in texts],
        maxlen=preset.max_length,
    )
    return turn


def compare(config: Config, run: Run) -> None:
    """Measures both in turns, and prints the rates and their ratio."""
    preset, prepared = prepare(config)
    turns = {
        "rnnjax": rnnjax_turn(prepared, config.num_batches),
        "keras": keras_turn(preset, prepared, config.num_batches),
    }
    run.rewind(0)
    rates: dict[str, list[float]] = {name: [] for name in turns}
    for i in range(config.num_turns + 1):
        for name, turn in turns.items():
            start = time.perf_counter()
            num_read = turn()
            if i:
                rates[name].append(num_read / (time.perf_counter() - start))
        if i:
            run.log(i, **{f"{name}_rate": own[-1] for name, own in rates.items()})
    ratios = [ours / theirs for ours, theirs in zip(*rates.values())]
    for name, own in rates.items():
        run.print(f"{name}: {statistics.median(own):.0f} reviews per second, median")
    low, high = np.quantile(ratios, [0.25, 0.75])
    run.print(
        f"rnnjax is {statistics.median(ratios):.2f} times as fast as keras "
        f"({low:.2f} to {high:.2f}, quartiles of {len(ratios)} turns)"
    )


if __name__ == "__main__":
    main(compare, Config)
