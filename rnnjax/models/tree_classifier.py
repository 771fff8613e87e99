"""The tree classifier as an NNX module: scores of every node of a parse tree."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from rnnjax.base import Array, check_positive
from rnnjax.layers import dense, dropout, embed
from rnnjax.models.recurrent import Recurrent
from rnnjax.trees.base import TreeCell
from rnnjax.trees.batch import Trees
from rnnjax.trees.unroll import unroll_trees


class TreeClassifier(nnx.Module):
    """A recursive network from the words of a tree to the scores of all its nodes.

        xⱼ = E[wordⱼ]                           at the nodes j with a word
        hⱼ = cell(children of j, xⱼ)            from the leaves to the root
        scoresⱼ = K D(hⱼ) + b                   at every node

    D is dropout.

    Attributes:
      words, scores: the parts.
      cell: the cell over trees.
      cell_params: its parameters.

    Args:
      vocab_size: number of words.
      cell: the cell over trees.
      num_outputs: number of scores.
      embedding_size: width of E.
      dropout_rate: the probability of zeroing; without a key nothing is dropped.
      rngs: the parameters are drawn from its stream `params`.

    Raises:
      ValueError: if a size is not positive.

    Example:
      >>> from flax import nnx
      >>> from rnnjax.trees import batch_trees, nary_tree_lstm, take_roots
      >>> model = TreeClassifier(
      ...     9, nary_tree_lstm(4), 3, embedding_size=5, rngs=nnx.Rngs(0)
      ... )
      >>> trees = batch_trees([[-1, 0, 0]], has_inputs=[[False, True, True]])
      >>> scores = model(trees, jnp.array([0, 7, 8]))
      >>> scores.shape, take_roots(trees, scores).shape
      ((3, 3), (1, 3))

    References:
      Tai, Socher and Manning, "Improved Semantic Representations From Tree-Structured
      Long Short-Term Memory Networks", ACL 2015, section 4.1.
    """

    def __init__(
        self,
        vocab_size: int,
        cell: TreeCell,
        num_outputs: int,
        *,
        embedding_size: int,
        dropout_rate: float = 0.0,
        rngs: nnx.Rngs,
    ):
        check_positive(vocab_size=vocab_size, num_outputs=num_outputs)
        self.words = Recurrent(embed(embedding_size), vocab_size, rngs=rngs)
        self.cell = cell
        params = cell.init(rngs.params(), embedding_size)
        self.cell_params = nnx.data(jax.tree.map(nnx.Param, params))
        _, outputs = jax.eval_shape(self._leaf, params, jnp.zeros(embedding_size))
        self.dropout = dropout(dropout_rate)
        self.scores = Recurrent(dense(num_outputs), outputs.shape[-1], rngs=rngs)

    def __call__(
        self, trees: Trees, tokens: Array | np.ndarray, *, key: Array | None = None
    ) -> Array:
        """Scores the nodes of a batch of trees.

        Args:
          trees: the batch.
          tokens: `[num_nodes]` integers, the word of each node that has one; of other
            nodes and of padding nothing is read.
          key: the source of randomness, for dropout; None: there is none.

        Returns:
          `[num_nodes, num_outputs]`, zeros at padding.
        """
        has_word = jnp.zeros(trees.mask.shape, bool)
        has_word = has_word.at[trees.with_inputs].set(True, mode="drop")
        # Nodes take the place of steps, and there is no batch beside them.
        _, vectors = self._over_nodes(self.words, tokens, has_word)
        params = nnx.as_pure(self.cell_params)
        _, h = unroll_trees(self.cell, params, trees, vectors)
        _, h = self.dropout.apply({}, None, h, key=key)
        return self._over_nodes(self.scores, h, trees.mask)[1]

    def _over_nodes(self, module, inputs, mask):
        params = nnx.as_pure(module.params)
        return module.layer.apply(params, None, jnp.asarray(inputs), mask=mask)

    def _leaf(self, params, inputs):
        num_children = self.cell.max_children or 1
        children = self.cell.initial_carry(params, (num_children,))
        return self.cell.step(params, children, jnp.zeros(num_children, bool), inputs)
