"""Several models that predict as one."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Layer, cached
from rnnjax.layers.causal import causal_layer
from rnnjax.masking import zero_masked
from rnnjax.parameters import check_parts, part


def mean_of_probabilities(log_probs: Array) -> Array:
    """Averages distributions, log (1/M) ∑ₘ pₘ: likely is what any member holds likely.

    Args:
      log_probs: `[M, ..., vocab_size]`, normalized.

    Returns:
      `[..., vocab_size]`, normalized.

    Example:
      >>> jnp.exp(mean_of_probabilities(jnp.log(jnp.array([[0.9, 0.1], [0.5, 0.5]]))))
      Array([0.7, 0.3], dtype=float32)
    """
    return jax.nn.logsumexp(log_probs, axis=0) - jnp.log(len(log_probs))


def mean_of_log_probs(log_probs: Array) -> Array:
    """Averages in log space, (1/M) ∑ₘ log pₘ: likely is what every member holds likely.

    Args:
      log_probs: `[M, ..., vocab_size]`, normalized.

    Returns:
      `[..., vocab_size]`, normalized again: the geometric mean of the distributions.
    """
    return jax.nn.log_softmax(jnp.mean(log_probs, axis=0))


@cached
def ensemble(
    *layers: Layer, average: Callable[[Array], Array] = mean_of_probabilities
) -> Layer:
    """Makes a layer whose predictions are the average of those of several layers.

    Every layer reads the same inputs. To decode several sets of parameters of one model
    as one, name its layer as often and pass a tuple of the sets.

    Args:
      *layers: from inputs `[T, ...]` to logits `[T, ..., vocab_size]`. Layer i draws
        from `fold_in(key, i)`.
      average: of normalized log-probabilities `[M, ..., vocab_size]` over the first
        axis: `mean_of_probabilities`, `mean_of_log_probs` or another function.

    Returns:
      The layer, whose outputs are log-probabilities; its parameters and carry are
      tuples. It is causal if all are.

    Raises:
      ValueError: if there is no layer, or they do not read inputs of the same rank.

    Example:
      >>> layer = rnnjax.dense(5)
      >>> params = tuple(layer.init(jax.random.key(seed), 3) for seed in range(2))
      >>> _, outputs = ensemble(layer, layer).apply(params, None, jnp.ones((7, 3)))
      >>> bool(jnp.allclose(jnp.exp(outputs).sum(axis=-1), 1))
      True

    References:
      Sutskever, Vinyals and Le, "Sequence to Sequence Learning with Neural Networks",
      NeurIPS 2014, section 3.6, for decoding with an ensemble.
    """
    if not layers:
        raise ValueError("layers must be at least one, got none.")
    ranks = {layer.input_ndim for layer in layers}
    if len(ranks) > 1:
        raise ValueError(
            f"layers must read inputs of one rank, got input_ndim {sorted(ranks)}."
        )

    def init(key, input_size):
        return tuple(
            layer.init(jax.random.fold_in(key, i), input_size)
            for i, layer in enumerate(layers)
        )

    def initial_carry(params, batch_shape=()):
        return tuple(
            layer.initial_carry(own, batch_shape) for layer, own in zip(layers, params)
        )

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        check_parts(params, range(len(layers)))
        carry = (None,) * len(layers) if carry is None else carry
        new_carry, log_probs = [], []
        for i, layer in enumerate(layers):
            own_key = None if key is None else jax.random.fold_in(key, i)
            with part(params, i) as own:
                own_carry, logits = layer.apply(
                    own, carry[i], inputs, mask=mask, is_first=is_first, key=own_key
                )
            new_carry.append(own_carry)
            log_probs.append(jax.nn.log_softmax(logits))
        return tuple(new_carry), zero_masked(mask, average(jnp.stack(log_probs)))

    return causal_layer(
        init,
        initial_carry,
        apply,
        input_ndim=layers[0].input_ndim,
        causal=all(layer.step is not None for layer in layers),
    )
