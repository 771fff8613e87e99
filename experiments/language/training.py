"""Training a language model: what character and word models do alike."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax

from experiments.data.corpus import Corpus
from experiments.data.streams import contiguous_streams, windows_per_epoch
from experiments.data.vocabulary import Vocabulary
from experiments.harness import Run, fit, restore
from experiments.language.config import LOSSES, LanguageConfig, make_optimizer
from experiments.language.samples import draw_text, encode_prompt, kept_vocabulary
from experiments.language.truncated import (
    TrainState,
    initial_state,
    lay_out,
    truncated_update,
)
from experiments.shared.devices import make_mesh
from experiments.shared.figures import learning_curve
from rnnjax import Layer
from rnnjax.base import Params

Measure = Callable[[Params, bool], dict[str, float]]


def train_network(
    config: LanguageConfig,
    run: Run,
    corpus: Corpus,
    layer: Layer,
    measure: Measure,
    *,
    prompt: Sequence[str] | None,
    levels: Mapping[str, float],
    unit: str,
) -> TrainState:
    """Trains a network on a text; evaluates, samples and plots on the way.

    Args:
      config: the flags.
      run: where everything is written.
      corpus: the text.
      layer: from tokens to logits.
      measure: `(params, is_last) -> metrics`, `validation_loss` among them.
      prompt: the symbols that samples go on from; see `encode_prompt`.
      levels: cross entropies to compare with, by their labels in the plot.
      unit: what a token is, in the plural.

    Returns:
      The last state.
    """
    vocabulary = corpus.vocabulary
    prompt_tokens = encode_prompt(vocabulary, prompt)
    streams = contiguous_streams(corpus.train, config.batch_size, config.num_steps)
    optimizer = make_optimizer(config, windows_per_epoch(streams, config.num_steps))
    init_key, train_key, sample_key = jax.random.split(jax.random.key(config.seed), 3)
    mesh = make_mesh(config.num_devices or 1)
    state = initial_state(
        layer, len(vocabulary), optimizer, config.batch_size, init_key
    )
    state = lay_out(state, mesh)
    update = truncated_update(
        layer,
        optimizer,
        LOSSES[config.loss],
        streams,
        config.num_steps,
        train_key,
        mesh,
    )
    num_weights = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    run.print(f"{config.model}, {num_weights:,} weights")

    def evaluate(state: TrainState, done: int) -> tuple[TrainState, dict[str, float]]:
        # One stream is read and one text drawn: work for one device, not for each.
        params = jax.device_put(state.params, jax.devices()[0])
        metrics = measure(params, done == config.num_updates)
        run.log(done, **metrics)
        text = draw_text(
            layer,
            params,
            vocabulary,
            prompt_tokens,
            config.sample_length,
            jax.random.fold_in(sample_key, done),
            config.temperature,
        )
        run.write_sample(done, text)
        run.print(f"\n{text}\n")
        figure = learning_curve(
            run.metrics(), levels=levels, ylabel=f"nats a {unit.removesuffix('s')}"
        )
        run.write_plot("learning_curve", figure)
        return state, metrics

    return fit(
        run,
        state,
        update,
        evaluate,
        units_per_update=config.batch_size * config.num_steps,
        unit=unit,
    )


def sample_network(
    config: LanguageConfig,
    run: Run,
    make_layer: Callable[[Any, int], Layer],
    prompt: Sequence[str] | None,
    num_steps: int,
) -> None:
    """Prints a sample of the network that a run trained.

    Args:
      config: the flags.
      run: the run.
      make_layer: `(config, vocab_size) -> layer`.
      prompt: the symbols to go on from; see `encode_prompt`.
      num_steps: tokens to draw.

    Raises:
      ValueError: if the run has no checkpoint yet, or never saw the prompt's symbols.
    """
    vocabulary: Vocabulary = kept_vocabulary(run.directory)
    layer = make_layer(config, len(vocabulary))
    key = jax.random.key(config.seed)
    template = initial_state(
        layer, len(vocabulary), make_optimizer(config, 1), config.batch_size, key
    )
    _, state = restore(run.directory, template)
    tokens = encode_prompt(vocabulary, prompt)
    text = draw_text(
        layer, state.params, vocabulary, tokens, num_steps, key, config.temperature
    )
    run.print(text)
