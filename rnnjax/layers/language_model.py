"""Language models: tokens in, logits of the next token out."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.base import Cell, Layer, cached, check_positive
from rnnjax.initializers import Initializer
from rnnjax.layers.causal import causal_layer
from rnnjax.layers.dense import dense
from rnnjax.layers.dropout import dropout
from rnnjax.layers.recurrent import as_layer
from rnnjax.layers.stack import abstract_inputs, abstract_outputs, stack
from rnnjax.layers.tokens import embed, one_hot
from rnnjax.parameters import check_parts, part


def language_model(
    vocab_size: int,
    cells: Sequence[Cell | Layer],
    *,
    embedding_size: int | None = None,
    dropout_rate: float = 0.0,
    tie_weights: bool = False,
    embedding_init: Initializer = initializers.variance_scaling(
        1.0, "fan_in", "normal", out_axis=0
    ),
    head_kernel_init: Initializer = initializers.lecun_normal(),
    head_bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Layer:
    """Makes a layer from tokens `[T, ...]` to logits `[T, ..., vocab_size]`.

        xₜ = E[tokenₜ], or one-hot
        hₜ = the stack of cells over D(xₜ), with D between them
        logitsₜ = D(hₜ) K + b, where K = Eᵀ if the weights are tied

    D is dropout, on the connections between layers alone: what a cell hands to its own
    next step is never dropped, nor is a one-hot input. The logits of all steps are one
    product, after the loop.

    The logits of step t predict token t + 1; those of masked steps are zeros. A token
    outside the vocabulary gives NaN.

    Args:
      vocab_size: number of tokens.
      cells: the stack, the one that reads the tokens' vectors first: cells, or causal
        layers of vectors such as a `recurrent` with an engine of its own.
      embedding_size: width of the rows of E; None: one-hot.
      dropout_rate: the probability of zeroing; without a key nothing is dropped.
      tie_weights: whether the head shares E, `embedding_size` then being the width of
        the last cell's outputs.
      embedding_init: initializer of E.
      head_kernel_init: initializer of K, unless tied.
      head_bias_init: initializer of b.
      dtype: dtype of E, K and b, hence of the logits; cells have their own.

    Returns:
      The layer, over a dict of `body`, the parameters of the `stack`, and `head`, those
      of `dense` without the kernel if it is tied; its carry is the stack's. The
      `input_size` of its `init` may be left out.

    Raises:
      ValueError: if a size is not positive, `cells` is empty or holds anything but
        cells and causal layers, `dropout_rate` is not from 0 to less than 1, or the
        weights are tied and `embedding_size` is not the width of the last outputs.

    Example:
      >>> layer = language_model(6, [rnnjax.lstm(4), rnnjax.lstm(5)], embedding_size=3)
      >>> params = layer.init(jax.random.key(0))
      >>> carry, logits = layer.apply(params, None, jnp.zeros((7, 2), int))
      >>> carry, next_logits = layer.step(params, carry, jnp.ones(2, int))
      >>> logits.shape, next_logits.shape
      ((7, 2, 6), (2, 6))

    References:
      Mikolov et al., "Recurrent neural network based language model", Interspeech 2010;
      Zaremba, Sutskever and Vinyals, "Recurrent Neural Network Regularization", 2014,
      for dropout; Press and Wolf, "Using the Output Embedding to Improve Language
      Models", EACL 2017, for tied weights.
    """
    check_positive(vocab_size=vocab_size)
    if tie_weights and embedding_size is None:
        raise ValueError("embedding_size must be given to tie the weights, got None.")
    drop = (dropout(dropout_rate),) if dropout_rate else ()
    if embedding_size is None:
        layers = (one_hot(vocab_size, dtype=dtype),)
    else:
        table = embed(embedding_size, embedding_init=embedding_init, dtype=dtype)
        layers = (table, *drop)
    for layer in _causal_layers(cells):
        layers += (layer, *drop)
    head = dense(
        vocab_size,
        kernel_init=head_kernel_init,
        bias_init=head_bias_init,
        dtype=dtype,
    )
    tied_size = embedding_size if tie_weights else None
    return _with_head(stack(*layers), head, vocab_size, tied_size)


@cached
def _with_head(body, head, vocab_size, tied_size):
    """Puts a head on a stack, with the stack's embedding for a kernel if tied."""
    hidden_size = _output_size(body, vocab_size)
    if tied_size not in (None, hidden_size):
        raise ValueError(
            f"embedding_size must be {hidden_size}, the width of the last outputs, "
            f"to tie the weights, got {tied_size}."
        )

    def init(key, input_size=vocab_size):
        if input_size != vocab_size:
            raise ValueError(f"input_size must be {vocab_size}, got {input_size}.")
        body_key, head_key = jax.random.split(key)
        head_params = head.init(head_key, hidden_size)
        if tied_size is not None:
            del head_params["kernel"]
        return {"body": body.init(body_key, vocab_size), "head": head_params}

    def initial_carry(params, batch_shape=()):
        return body.initial_carry(params["body"], batch_shape)

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        check_parts(params, ("body", "head"))
        with part(params, "body") as own:
            carry, outputs = body.apply(
                own, carry, inputs, mask=mask, is_first=is_first, key=key
            )
        with part(params, "head") as own:
            if tied_size is not None:
                check_parts(own, ("bias",))
                own = {**own, "kernel": params["body"][0]["embedding"].T}
            return carry, head.apply(own, None, outputs, mask=mask)[1]

    return causal_layer(init, initial_carry, apply, input_ndim=0)


def _causal_layers(cells):
    """Checks the cells and turns each into a layer.

    A single cell is itself a tuple, of functions, and is told from a tuple of cells.
    """
    if isinstance(cells, Cell | Layer) or not cells:
        got = "a single one" if cells else "none"
        raise ValueError(f"cells must be a sequence of cells or layers, got {got}.")
    layers = [as_layer(cell) for cell in cells]
    if any(layer.step is None for layer in layers):
        raise ValueError("cells must be causal, got a layer without a step.")
    return layers


def _output_size(body, vocab_size):
    """Finds the width of a stack's outputs without computing them."""
    params = jax.eval_shape(lambda: body.init(jax.random.key(0), vocab_size))
    return abstract_outputs(body, params, abstract_inputs(vocab_size, 0)).shape[-1]
