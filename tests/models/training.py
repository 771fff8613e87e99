"""What the tests of the modules share: a training loop and a comparison."""

import jax
import numpy as np
import optax


def trained(loss, params, batches):
    """Trains for one update a batch, with plain `jax.jit`.

    Args:
      loss: `(params, batch) -> (scalar, outputs)`.
      params: any tree of arrays, an `nnx.State` included.
      batches: what the updates read, one after the other.

    Returns:
      The parameters after the last update, and the outputs before the first.
    """
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0), optax.sgd(0.5, momentum=0.9)
    )

    @jax.jit
    def update(params, state, batch):
        grads, outputs = jax.grad(loss, has_aux=True)(params, batch)
        changes, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, changes), state, outputs

    state = optimizer.init(params)
    outputs = []
    for batch in batches:
        params, state, batch_outputs = update(params, state, batch)
        outputs.append(batch_outputs)
    return params, outputs[0]


def assert_trees_near(got, expected, tolerance):
    """Compares two trees of one structure by max|a - b| <= tolerance max(1, max|b|).

    A tolerance of 0 compares bits, for all but the sign of zeros.
    """
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected)):
        assert a.shape == b.shape and a.dtype == b.dtype
        a, b = np.asarray(a), np.asarray(b)
        assert np.isfinite(a).all()
        scale = max(1.0, np.abs(b).max(initial=0.0))
        assert np.abs(a - b).max(initial=0.0) <= tolerance * scale
