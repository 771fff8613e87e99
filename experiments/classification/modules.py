"""What the modules of all models have in common."""

from typing import Any

from flax import nnx

from experiments.classification.baselines import BagOfWords
from experiments.classification.batches import Batch
from experiments.classification.tree_batches import TreeWords
from rnnjax.base import Array
from rnnjax.models.tree_classifier import TreeClassifier


def apply(module: Any, batch: Batch, key: Array | None = None) -> Array:
    """Scores the examples of a batch, whatever the module reads.

    Args:
      module: a classifier of sequences, of trees or of bags of words.
      batch: a batch of what it reads.
      key: the source of randomness; None: there is none.

    Returns:
      `[B, num_outputs]`, or `[num_nodes, num_outputs]` for trees.
    """
    if isinstance(batch.inputs, TreeWords):
        return module(*batch.inputs, key=key)
    return module(batch.inputs, mask=batch.mask, key=key)


def word_vectors(module: Any) -> nnx.Param:
    """Returns the parameter of the vectors of words, `[vocab_size, size]`."""
    if isinstance(module, TreeClassifier):
        return module.words.params["embedding"]
    return module.body.params[0]["embedding"]


def fixed_params(module: Any, freeze_vectors: bool) -> list[nnx.Param]:
    """Returns the parameters that are not trained."""
    if isinstance(module, BagOfWords):
        return [] if module.idf is None else [module.idf]
    return [word_vectors(module)] if freeze_vectors else []
