"""`TreeClassifier` against recursion over each tree, with the equations in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from rnnjax.models.tree_classifier import TreeClassifier
from rnnjax.trees import batch_trees, nary_tree_lstm
from rnnjax.trees.batch import TreeSizes
from tests.pytrees import assert_close, assert_same_bits

E, H, N, VOCAB = 5, 4, 3, 9
# ((2 (3 4)) 5) and a single leaf, as parents; words at the leaves alone.
PARENTS = [[-1, 0, 1, 1, 3, 3, 0], [-1]]
WORDS = [[-1, -1, 8, -1, 2, 8, 5], [0]]
HAS_WORD = [[word >= 0 for word in words] for words in WORDS]
SIZES = TreeSizes(3, 12, 7, 6, 5, 2, 2)  # more of everything than there is


def make(**options):
    model = TreeClassifier(
        VOCAB, nary_tree_lstm(H), N, embedding_size=E, rngs=nnx.Rngs(0), **options
    )
    params, rng = nnx.state(model, nnx.Param), np.random.default_rng(1)
    nnx.update(
        model, jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)), params)
    )
    return model


def batch(fill=0):
    tokens = np.full(SIZES.num_nodes, fill)
    tokens[:8] = np.concatenate([*map(np.array, WORDS)])
    tokens[tokens < 0] = fill
    return batch_trees(PARENTS, has_inputs=HAS_WORD, pad_to=SIZES), tokens


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def node_by_hand(params, table, parents, words, node):
    """Tai et al. 2015, equations 9 to 14: (h, c) of a node and of those below it."""
    children = [k for k, parent in enumerate(parents) if parent == node]
    found, of_children = {}, []
    for k in children:
        found |= node_by_hand(params, table, parents, words, k)
        of_children.append(found[k])
    of_children += [(np.zeros(H), np.zeros(H))] * (2 - len(children))
    x = table[words[node]] if words[node] >= 0 else np.zeros(E)
    i, f, u, o = np.split(x @ params["kernel"] + params["bias"], 4)
    pull = np.concatenate([h for h, _ in of_children]) @ params["recurrent_kernel"]
    pull_i, pull_f1, pull_f2, pull_u, pull_o = np.split(pull, 5)
    c = sigmoid(i + pull_i) * np.tanh(u + pull_u)
    for pull_f, (_, below) in zip((pull_f1, pull_f2), of_children):
        c = c + sigmoid(f + pull_f) * below
    return found | {node: (sigmoid(o + pull_o) * np.tanh(c), c)}


def test_scores_of_all_nodes_equal_recursion(x64):
    model = make(dropout_rate=0.5)
    found = model(*batch())
    params, table, head = (
        jax.tree.map(np.asarray, nnx.as_pure(part))
        for part in (model.cell_params, model.words.params, model.scores.params)
    )
    h = []
    for parents, words in zip(PARENTS, WORDS):
        nodes = node_by_hand(params, table["embedding"], parents, words, 0)
        h += [nodes[node][0] for node in range(len(parents))]
    assert_close(found[:8], np.stack(h) @ head["kernel"] + head["bias"], 1e-13)
    assert not found[8:].any()


def test_nodes_without_a_word_and_padding_are_not_read(x64):
    model = make()
    first, second = (model(*batch(fill)) for fill in (0, -7))
    assert_same_bits(first, second)


def test_a_key_drops(x64):
    model = make(dropout_rate=0.5)
    one, two = (model(*batch(), key=key) for key in jax.random.split(jax.random.key(0)))
    assert not np.allclose(one, two)


def test_sizes_are_checked():
    with pytest.raises(ValueError, match="num_outputs must be a positive whole number"):
        TreeClassifier(3, nary_tree_lstm(H), 0, embedding_size=E, rngs=nnx.Rngs(0))
