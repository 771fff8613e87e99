"""The reader with an encoder for the question and one for the story."""

import jax
import jax.numpy as jnp

from rnnjax.attention.base import Attention
from rnnjax.attention.layer import attention_layer
from rnnjax.attention.memory import Memory, bind_memory
from rnnjax.base import Layer, cached, check_positive
from rnnjax.layers.dense import dense
from rnnjax.layers.pooling import last_step
from rnnjax.layers.readers import Pool, Reader, pooled_size
from rnnjax.layers.stack import abstract_inputs, abstract_outputs


@cached
def question_reader(
    embedding: Layer,
    question_layer: Layer,
    story_layer: Layer | None,
    num_outputs: int,
    *,
    attention: Attention | None = None,
    size: int | None = None,
    question_at_every_word: bool = False,
    pooling: Pool = last_step,
) -> Reader:
    """Makes a reader with an encoder for the question and one for the story.

        q = pooling of the question's layer over its embedded tokens
        m₁ ... m_S = the story's layer over xₛ, or over [xₛ; q] if it reads the
                     question at every word

    and with attention (Hermann et al.)

        c = attention(q, m)
        scores = K tanh(W [c; q]) + b

    without it

        scores = K [pooling of m; q] + b

    Args:
      embedding: reads the tokens of both, such as `stack(embed(50), dropout(0.3))`.
      question_layer: reads the embedded question.
      story_layer: reads the embedded story, or its vectors; None: these are the rows.
      num_outputs: number of answers.
      attention: how the question looks at the rows; None: they are pooled.
      size: width of the tanh; it must be given with attention, and only then.
      question_at_every_word: see above.
      pooling: what is taken of outputs; `last_read` for layers of both directions.

    Returns:
      The reader, over a dict of `embedding`, `question`, `story`, `attention` and
      `scores`; `()` stands for the parameters of what is not there.

    Raises:
      ValueError: if a size is not positive, or `size` is given without attention or the
        other way around.

    Example:
      >>> from rnnjax.attention import additive
      >>> reader = question_reader(
      ...     rnnjax.embed(3),
      ...     rnnjax.recurrent(rnnjax.gru(4)),
      ...     rnnjax.recurrent(rnnjax.gru(6)),
      ...     num_outputs=5,
      ...     attention=additive(7),
      ...     size=8,
      ... )
      >>> params = reader.init(jax.random.key(0), 9)
      >>> story, question = jnp.array([1, 2, 3, 4, 0]), jnp.array([5, 6])
      >>> reader.apply(params, story, question).shape
      (5,)
      >>> bool(jnp.isclose(reader.weigh(params, story, question).sum(), 1.0))
      True

    References:
      Hermann et al., "Teaching Machines to Read and Comprehend", NeurIPS 2015, the
      attentive reader; the example `babi_rnn.py` of Keras for the question at every
      word, which adds q instead, and does not give it to the scores again.
    """
    check_positive(num_outputs=num_outputs)
    if (attention is None) != (size is None):
        raise ValueError(f"size must be given with attention alone, got {size}.")
    scores = dense(num_outputs)

    def attending(rows_size):
        assert attention is not None and size is not None
        return attention_layer(attention, rows_size, size, show_weights=True)

    def init(key, vocab_size, story_size=None):
        keys = jax.random.split(key, 5)
        own = embedding.init(keys[0], vocab_size)
        words = abstract_outputs(embedding, own, abstract_inputs(vocab_size, 0))
        of_question = question_layer.init(keys[1], words.shape[-1])
        params = {"embedding": own, "question": of_question}
        params |= {"story": (), "attention": ()}
        q = pooled_size(pooling, question_layer, of_question, words)
        width = words.shape[-1] if story_size is None else story_size
        rows = abstract_inputs(width + q * question_at_every_word, 1)
        if story_layer is not None:
            params["story"] = story_layer.init(keys[2], rows.shape[-1])
            rows = abstract_outputs(story_layer, params["story"], rows)
        if attention is None:
            read = q + jax.eval_shape(pooling, rows, None).shape[-1]
        else:
            params["attention"] = attending(rows.shape[-1]).init(keys[3], q)
            read = size
        return params | {"scores": scores.init(keys[4], read)}

    def encode(params, story, question, story_mask, question_mask, key=None):
        """Returns the question `[...batch, size]`, and the rows of the story."""
        keys = (None,) * 4 if key is None else jax.random.split(key, 4)

        def run(layer, name, inputs, mask, key):
            return layer.apply(params[name], None, inputs, mask=mask, key=key)[1]

        words = run(embedding, "embedding", question, question_mask, keys[0])
        read = run(question_layer, "question", words, question_mask, keys[1])
        q, rows = pooling(read, question_mask), jnp.asarray(story)
        if jnp.issubdtype(rows.dtype, jnp.integer):
            rows = run(embedding, "embedding", rows, story_mask, keys[2])
        if question_at_every_word:
            repeated = jnp.broadcast_to(q, (*rows.shape[:-1], q.shape[-1]))
            rows = jnp.concatenate([rows, repeated], axis=-1)
        if story_layer is not None:
            rows = run(story_layer, "story", rows, story_mask, keys[3])
        return q, rows

    def attend(params, q, rows, mask):
        bound = bind_memory(params["attention"], Memory(rows, mask))
        _, seen = attending(rows.shape[-1]).apply(bound, None, q[None])
        return seen["outputs"][0], seen["weights"][0]

    def apply(
        params, story, question, *, story_mask=None, question_mask=None, key=None
    ):
        q, rows = encode(params, story, question, story_mask, question_mask, key)
        if attention is None:
            read = jnp.concatenate([pooling(rows, story_mask), q], axis=-1)
        else:
            read, _ = attend(params, q, rows, story_mask)
        return scores.apply(params["scores"], None, read[None])[1][0]

    def weigh(params, story, question, *, story_mask=None, question_mask=None):
        q, rows = encode(params, story, question, story_mask, question_mask)
        return jnp.moveaxis(attend(params, q, rows, story_mask)[1], -1, 0)

    return Reader(init, apply, None if attention is None else weigh)
