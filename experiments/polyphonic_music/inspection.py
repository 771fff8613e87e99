"""What `experiments.doctor` needs to know of polyphonic music."""

import jax

from experiments.polyphonic_music.__main__ import Config, initial_state, prepare
from experiments.polyphonic_music.batches import cut_pieces, inputs_and_targets
from experiments.shared.inspection import Examples, Inspection


def inspect(config: Config) -> Inspection:
    """Prepares a training to be examined."""
    prepared = prepare(config)
    music = prepared.music
    parts = {"train": music.train, "validation": music.validation, "test": music.test}

    def loss(params, batch, key):
        return prepared.loss(params, *inputs_and_targets(batch), key)

    return Inspection(
        initial_state(prepared, jax.random.key(config.seed)).params,
        loss,
        prepared.batch,
        prepared.num_batches,
        prepared.optimizer,
        {name: Examples(pieces) for name, pieces in parts.items()},
        num_rows=len(cut_pieces(music.train, config.num_steps)),
        mask=lambda batch: inputs_and_targets(batch)[2],
        batch_axis=1,
    )
