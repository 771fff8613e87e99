"""Outputs that generate a token or copy one from the source."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn import initializers, log_sigmoid

from rnnjax.attention.content import additive_init
from rnnjax.attention.memory import batch_first
from rnnjax.base import Array, Layer, Params, cached, check_positive
from rnnjax.initializers import Initializer
from rnnjax.layers.causal import pointwise
from rnnjax.layers.pointer import pointing_energies
from rnnjax.losses.semirings import log_add
from rnnjax.products import matmul


@cached
def copying(
    vocab_size: int,
    size: int,
    memory_size: int,
    *,
    num_extra: int = 0,
    kernel_init: Initializer = initializers.lecun_normal(),
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Layer:
    """Makes a layer that predicts the next token from the vocabulary or the source.

        pₜ(w)  = gₜ softmax(K xₜ + b)_w + (1 - gₜ) ∑_{s: sourceₛ = w} αₜₛ
        αₜ     = softmax over the rows of vᵀ tanh(W xₜ + U mₛ)
        gₜ     = σ(k · xₜ + b_g)

    Everything is computed as logarithms, so neither a saturated gate nor a token that
    only one of the two predicts gives NaN. A token that stands in the source several
    times is copied with the sum of their weights. Where the source has no real token
    nothing is copied, and the outputs are log softmax(K x + b).

    Args:
      vocab_size: number of tokens that can be generated.
      size: width of W x and of U m.
      memory_size: width of the memory's rows.
      num_extra: number of tokens from `vocab_size` on that can only be copied: words of
        a source that are not in the vocabulary. `embed(..., unknown=token)` reads them
        when they are drawn.
      kernel_init: initializer of K, W, U, v and k.
      dtype: dtype of the parameters, hence of the outputs.

    Returns:
      The layer, whose outputs are log-probabilities `[T, ..., vocab_size + num_extra]`.
      Its parameters are a dict of `attention`, the parameters of `additive`, `memory`,
      None until one is bound by `bind_memory`, `source`, None until tokens are bound by
      `bind_source`, `kernel` Kᵀ, `bias` b, `gate_kernel` k and `gate_bias` b_g; its
      carry is `()`.

    Raises:
      ValueError: if a size is not positive, or `num_extra` is negative; in `apply`, if
        no memory or no source is bound, or they do not fit.

    Example:
      >>> from rnnjax.attention import Memory, bind_memory
      >>> layer = copying(3, 4, memory_size=2, num_extra=1)
      >>> params = layer.init(jax.random.key(0), 5)
      >>> params["gate_bias"] -= 99  # copy
      >>> params = bind_memory(params, Memory(jnp.ones((4, 2))))
      >>> params = bind_source(params, jnp.array([3, 1, 3, 2]))
      >>> _, log_probs = jax.jit(layer.apply)(params, None, jnp.ones((1, 5)))
      >>> jnp.exp(log_probs)
      Array([[0.  , 0.25, 0.25, 0.5 ]], dtype=float32)

    References:
      See, Liu and Manning, "Get To The Point: Summarization with Pointer-Generator
      Networks", ACL 2017, equations 8 and 9, whose gate also reads the glimpse and the
      inputs; Gu et al., "Incorporating Copying Mechanism in Sequence-to-Sequence
      Learning", ACL 2016.
    """
    check_positive(vocab_size=vocab_size, size=size, memory_size=memory_size)
    if num_extra < 0:
        raise ValueError(f"num_extra must be 0 or more, got {num_extra}.")

    def init(key, input_size):
        attention_key, kernel_key, gate_key = jax.random.split(key, 3)
        return {
            "attention": additive_init(
                attention_key, input_size, memory_size, size, kernel_init, dtype
            ),
            "memory": None,
            "source": None,
            "kernel": kernel_init(kernel_key, (input_size, vocab_size), dtype),
            "bias": jnp.zeros((vocab_size,), dtype),
            "gate_kernel": kernel_init(gate_key, (input_size, 1), dtype)[:, 0],
            "gate_bias": jnp.zeros((), dtype),
        }

    def log_probs(params, inputs):
        inputs = inputs.astype(params["kernel"].dtype)
        memory = batch_first(params["memory"], memory_size, params["kernel"].dtype)
        source = _batch_first(params["source"], memory.values.shape[:-1])
        energies = pointing_energies(params["attention"], memory, inputs)
        copied, is_any = _copied(energies, source, vocab_size + num_extra)
        logits = matmul(inputs, params["kernel"]) + params["bias"]
        generated = jnp.pad(
            jax.nn.log_softmax(logits),
            [(0, 0)] * (logits.ndim - 1) + [(0, num_extra)],
            constant_values=-jnp.inf,
        )
        gate = (inputs @ params["gate_kernel"] + params["gate_bias"])[..., None]
        mixed = log_add(log_sigmoid(gate) + generated, log_sigmoid(-gate) + copied)
        return jnp.where(is_any[..., None], mixed, generated)

    return pointwise(init, log_probs)


def bind_source(params: Params, tokens: Array) -> Params:
    """Returns parameters in which the source's tokens stand wherever they are copied.

    Args:
      params: the parameters of `copying`, or any pytree of dicts that contains them.
      tokens: `[S, ...batch]` integers, those of the memory's rows. What stands at
        masked rows is never read.

    Returns:
      The parameters, with `source` at each entry of that name.

    Raises:
      ValueError: if the tokens are not integers, or nothing in `params` copies them.
    """
    tokens = jnp.asarray(tokens)
    if not jnp.issubdtype(tokens.dtype, jnp.integer):
        raise ValueError(f"tokens must be integers, got {tokens.dtype}.")
    if not copies_source(params):
        raise ValueError(
            "params must be those of a layer that copies, got none with an entry for "
            "its source."
        )
    return jax.tree.map(
        lambda own: {**own, "source": tokens} if _copies(own) else own,
        params,
        is_leaf=_copies,
    )


def copies_source(params: Params) -> bool:
    """Returns whether anything in parameters has an entry for a source to copy."""
    return any(map(_copies, jax.tree.leaves(params, is_leaf=_copies)))


def _copies(node: Any) -> bool:
    return isinstance(node, dict) and {"source", "gate_kernel"} <= node.keys()


def _batch_first(source: Array | None, shape: tuple[int, ...]) -> Array:
    """Lays the source out as `[...batch, S]`."""
    if source is None:
        raise ValueError("source must be bound to the parameters by bind_source.")
    if source.shape != (shape[-1], *shape[:-1]):
        raise ValueError(
            f"source must have the shape of the memory's rows, "
            f"{(shape[-1], *shape[:-1])}, got {source.shape}."
        )
    return jnp.moveaxis(source, 0, -1)


def _copied(energies: Array, source: Array, num_tokens: int) -> tuple[Array, Array]:
    """Adds up what is copied from equal tokens.

    Args:
      energies: `[..., S]`, -inf at masked rows.
      source: tokens that broadcast to that shape.
      num_tokens: number of tokens.

    Returns:
      Log-probabilities `[..., num_tokens]`, -inf for tokens that are not in the source,
      and whether there is any real row, `[...]`.
    """
    is_real = energies > -jnp.inf
    is_any = is_real.any(axis=-1)
    log_weights = jax.nn.log_softmax(jnp.where(is_any[..., None], energies, 0))
    log_weights = jnp.where(is_real, log_weights, -jnp.inf)
    tokens = jnp.where(is_real, source, 0)
    copy = functools.partial(_log_sum_by_token, num_tokens)
    for _ in range(energies.ndim - 1):
        copy = jax.vmap(copy)
    is_known = ((tokens >= 0) & (tokens < num_tokens)).all(axis=-1, keepdims=True)
    tokens = jnp.clip(tokens, 0, num_tokens - 1)
    return jnp.where(is_known, copy(log_weights, tokens), jnp.nan), is_any


def _log_sum_by_token(num_tokens: int, log_weights: Array, tokens: Array) -> Array:
    """Computes log of the sum of the weights of every token, `[num_tokens]`.

    The weights `[S]` are taken relative to the largest one of their token, so none
    underflows.
    """
    empty = jnp.full(num_tokens, -jnp.inf, log_weights.dtype)
    highest = empty.at[tokens].max(jax.lax.stop_gradient(log_weights))
    highest = jnp.where(highest == -jnp.inf, 0, highest)
    is_real = log_weights > -jnp.inf
    relative = jnp.where(is_real, log_weights - highest[tokens], 0)
    shares = jnp.where(is_real, jnp.exp(relative), 0)
    totals = jnp.zeros_like(empty).at[tokens].add(shares)
    logs = jnp.log(jnp.where(totals > 0, totals, 1)) + highest
    return jnp.where(totals > 0, logs, -jnp.inf)
