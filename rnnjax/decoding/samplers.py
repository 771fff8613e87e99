"""Samplers: how one step's value is drawn from a layer's outputs."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from rnnjax.base import Array, check_positive
from rnnjax.decoding.choices import Choice, gumbel_max
from rnnjax.decoding.filters import (
    check_min_p,
    check_temperature,
    check_top_p,
    keep_min_p,
    keep_top_k,
    keep_top_p,
)
from rnnjax.losses.densities import Density


class Sampler(NamedTuple):
    """Draws one step from a layer's outputs, and says how probable the draw was.

    A sampler is a pytree: the numbers in its functions (`jax.tree_util.Partial`), such
    as the temperature, are traced, so another one does not compile anything new.

    Attributes:
      draw: `(key, outputs) -> drawn`, any pytree of `[...batch, ...]`. With `noise` it
        takes the noise in place of the key.
      log_prob: `(outputs, drawn) -> [...batch]`, nats, under the model; None if it is
        not known.
      sampled_log_prob: the same under the distribution drawn from, after temperature
        and filters.
      noise: `(key, outputs) -> noise`, everything random about a draw, by the shapes
        and dtypes of the outputs alone; it is computed for all steps before the loop.
        None if `draw` takes the key itself.
    """

    draw: Callable[[Any, Any], Any]
    log_prob: Callable[[Any, Any], Array] | None = None
    sampled_log_prob: Callable[[Any, Any], Array] | None = None
    noise: Callable[[Array, Any], Any] | None = None

    def __call__(self, key: Array, outputs: Any) -> Any:
        """Draws from the outputs of one step."""
        random = key if self.noise is None else self.noise(key, outputs)
        return self.draw(random, outputs)


def as_sampler(sampler: Sampler | Density | Callable[[Array, Any], Any]) -> Sampler:
    """Returns a sampler whose functions are pytrees, so that `jax.jit` takes it.

    Args:
      sampler: a sampler; a density, see `sample_density`; or a function `(key, outputs)
        -> drawn`, of which no log-probability is known. Make functions once: a new one
        is compiled anew.

    Raises:
      ValueError: if it is none of these.
    """
    if isinstance(sampler, Density):
        return sample_density(sampler)
    if not isinstance(sampler, Sampler):
        if not callable(sampler):
            raise ValueError(
                f"sampler must be a sampler, a density or a function, got {sampler!r}."
            )
        sampler = Sampler(sampler)
    as_is = type(None) | Partial  # a Partial of a Partial is a new function
    return Sampler._make(f if isinstance(f, as_is) else Partial(f) for f in sampler)


def without_log_probs(
    sampler: Sampler | Density | Callable[[Array, Any], Any],
) -> Sampler:
    """Returns a sampler of the same draws that says nothing about their probability.

    Then `generate` computes no log-probabilities, whose two softmaxes over the
    vocabulary take a good part of a small network's loop.

    Args:
      sampler: see `as_sampler`.

    Returns:
      The sampler; `generate` returns None for its log-probabilities.

    Raises:
      ValueError: by `as_sampler`.
    """
    return as_sampler(sampler)._replace(log_prob=None, sampled_log_prob=None)


def _draw_greedily(key, logits):
    del key
    return jnp.argmax(logits, axis=-1).astype(jnp.int32)


def _token_log_prob(logits, token):
    log_probs = jax.nn.log_softmax(logits, axis=-1)
    return jnp.take_along_axis(log_probs, token[..., None], axis=-1)[..., 0]


def _certain(logits, token):
    del token
    return jnp.zeros(logits.shape[:-1], logits.dtype)


greedy = Sampler(Partial(_draw_greedily), Partial(_token_log_prob), Partial(_certain))
"""Takes the most likely token of logits `[..., vocab_size]`, as int32.

Of several equal ones it takes the first. As sampled, its log-probability is 0.
"""


def sample_tokens(
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    choose: Choice = gumbel_max,
) -> Sampler:
    """Makes a sampler of tokens from logits `[..., vocab_size]`.

    The logits are divided by the temperature, then filtered by top-k, top-p and min-p,
    in this order. Each filter sees the distribution that the previous one left,
    normalized again. A token of probability 0 is never drawn.

    Args:
      temperature: below 1 likely tokens become more likely; 0 is `greedy`.
      top_k: number of most likely tokens to keep, see `keep_top_k`; None: all.
      top_p: keeps the fewest tokens of at least this probability together, see
        `keep_top_p`; None or 1: all.
      min_p: keeps tokens of at least this share of the largest probability, see
        `keep_min_p`; None or 0: all.
      choose: how a token is chosen. `gumbel_max` draws a number per token of the
        vocabulary, inside the loop; `inverse_cdf` draws a single number, before the
        loop, which is several times faster for small networks. They agree in law, but
        not token for token.

    Returns:
      The sampler; it draws int32 `[...]`.

    Raises:
      ValueError: if `temperature` is below 0, `top_k` is not positive, `top_p` is not
        above 0 and at most 1, or `min_p` is not from 0 to 1.

    Example:
      >>> sampler = sample_tokens(temperature=0.8, top_k=2)
      >>> logits = jnp.log(jnp.array([0.2, 0.5, 0.3]))
      >>> keys = jax.random.split(jax.random.key(0), 50)
      >>> set(jax.vmap(lambda key: sampler(key, logits))(keys).tolist())
      {1, 2}

    References:
      Holtzman et al., "The Curious Case of Neural Text Degeneration", ICLR 2020, for
      top-p; Nguyen et al., "Turning Up the Heat: Min-p Sampling for Creative and
      Coherent LLM Outputs", ICLR 2025. The order is that of Hugging Face's `generate`.
    """
    check_temperature(temperature)
    if top_k is not None:
        check_positive(top_k=top_k)
    if top_p is not None:
        check_top_p(top_p)
    if min_p is not None:
        check_min_p(min_p)
    if temperature == 0:
        return greedy
    draw, sampled_log_prob = _token_functions(top_k, choose)
    options = {
        "temperature": float(temperature),
        "top_p": None if top_p in (None, 1) else float(top_p),
        "min_p": float(min_p) if min_p else None,
    }
    return Sampler(
        Partial(draw, options),
        Partial(_token_log_prob),
        Partial(sampled_log_prob, options),
        None if choose.noise is None else Partial(choose.noise),
    )


@functools.cache
def _token_functions(top_k, choose):
    def filtered(options, logits):
        logits = logits / options["temperature"]
        if top_k is not None:
            logits = keep_top_k(logits, top_k)
        if options["top_p"] is not None:
            logits = keep_top_p(logits, options["top_p"])
        if options["min_p"] is not None:
            logits = keep_min_p(logits, options["min_p"])
        return logits

    def draw(options, random, logits):
        return choose.pick(random, filtered(options, logits))

    def sampled_log_prob(options, logits, token):
        return _token_log_prob(filtered(options, logits), token)

    return draw, sampled_log_prob


def sample_bernoulli(*, temperature: float = 1.0) -> Sampler:
    """Makes a sampler of independent bits from logits `[..., size]`.

    Args:
      temperature: divides the logits; 0 takes the more likely state of each bit.

    Returns:
      The sampler; it draws 0 and 1 in the dtype of the logits, `[..., size]`. The
      log-probability of a step is that of all its bits.

    Raises:
      ValueError: if `temperature` is below 0.
    """
    check_temperature(temperature)
    if temperature == 0:
        return Sampler(
            Partial(_likelier_bits), Partial(_bits_log_prob), Partial(_certain)
        )
    return Sampler(
        Partial(_draw_bits, float(temperature)),
        Partial(_bits_log_prob),
        Partial(_tempered_bits_log_prob, float(temperature)),
    )


def _likelier_bits(key, logits):
    del key
    return (logits > 0).astype(logits.dtype)


def _draw_bits(temperature, key, logits):
    bits = jax.random.bernoulli(key, jax.nn.sigmoid(logits / temperature))
    return bits.astype(logits.dtype)


def _bits_log_prob(logits, bits):
    return jax.nn.log_sigmoid(jnp.where(bits > 0, logits, -logits)).sum(axis=-1)


def _tempered_bits_log_prob(temperature, logits, bits):
    return _bits_log_prob(logits / temperature, bits)


def sample_density(
    density: Density, *, temperature: float = 1.0, bias: float = 0.0
) -> Sampler:
    """Makes a sampler that draws from a density given by a layer's outputs.

    Args:
      density: see `rnnjax.losses.densities`.
      temperature: above 0; multiplies variances, see `Density.sharpen`.
      bias: 0 or more; makes draws cleaner and less varied.

    Returns:
      The sampler; its log-probabilities are logarithms of densities where the density
      is one of real numbers.

    Raises:
      ValueError: if `temperature` is not positive, `bias` is below 0, or the density
        cannot be sharpened and one of them is given.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}.")
    if not bias >= 0:
        raise ValueError(f"bias must be 0 or more, got {bias}.")
    if density.sharpen is None:
        if temperature != 1 or bias != 0:
            raise ValueError(
                "density must be one that can be sharpened if a temperature or a bias "
                f"is given, got temperature {temperature} and bias {bias}."
            )
        options = None
    else:
        options = {"temperature": float(temperature), "bias": float(bias)}
    draw, log_prob, sampled_log_prob = _density_functions(density)
    return Sampler(
        Partial(draw, options), Partial(log_prob), Partial(sampled_log_prob, options)
    )


@functools.cache
def _density_functions(density):
    def sharpened(options, outputs):
        params = density.params(outputs)
        return params if options is None else density.sharpen(params, **options)

    def draw(options, key, outputs):
        return density.sample(key, sharpened(options, outputs))

    def log_prob(outputs, drawn):
        return density.log_prob(density.params(outputs), drawn)

    def sampled_log_prob(options, outputs, drawn):
        return density.log_prob(sharpened(options, outputs), drawn)

    return draw, log_prob, sampled_log_prob
