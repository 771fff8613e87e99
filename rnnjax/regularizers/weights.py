"""Penalties on the size of parameters and on deviations from orthogonality."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Params, check_positive

Chosen = Callable[[str], bool]


def l1_penalty(params: Params, chosen: Chosen) -> Array:
    """Sums the magnitudes of the entries of the chosen leaves, Σ |w|.

    Args:
      params: a pytree of arrays.
      chosen: whether a leaf counts, given its path such as "cell/recurrent_kernel".

    Returns:
      A scalar.

    Raises:
      ValueError: if no leaf is chosen.

    Example:
      >>> params = {"cell": {"kernel": jnp.array([[1.0, -2.0]]), "bias": jnp.ones(2)}}
      >>> float(l1_penalty(params, lambda path: path.endswith("kernel")))
      3.0
    """
    sums = [jnp.abs(x).sum() for x in _chosen_leaves(params, chosen)]
    return functools.reduce(jnp.add, sums)


def l2_penalty(params: Params, chosen: Chosen) -> Array:
    """Sums the squares of the entries of the chosen leaves, Σ w² (without a factor ½).

    Args:
      params: a pytree of arrays.
      chosen: whether a leaf counts, given its path such as "cell/recurrent_kernel".

    Returns:
      A scalar.

    Raises:
      ValueError: if no leaf is chosen.
    """
    sums = [(x**2).sum() for x in _chosen_leaves(params, chosen)]
    return functools.reduce(jnp.add, sums)


def orthogonality_penalty(kernel: Array, num_gates: int = 1) -> Array:
    """Computes how far a matrix, or each gate's part of it, is from orthogonal.

        Σ ‖Wᵀ W - I‖²        (Frobenius, summed over the gates)

    For a matrix wider than high it is W Wᵀ, so that 0 can be reached.

    Args:
      kernel: `[fan_in, num_gates * hidden_size]`, gates side by side.
      num_gates: how many there are: 4 for an LSTM, 3 for a GRU.

    Returns:
      A scalar.

    Raises:
      ValueError: if `num_gates` is not positive or does not divide the width.

    Example:
      >>> float(orthogonality_penalty(jnp.diag(jnp.array([1.0, 2.0]))))
      9.0

    References:
      Vorontsov et al., "On orthogonality and learning recurrent networks with long term
      dependencies", ICML 2017, section 2.2 (soft constraint).
    """
    check_positive(num_gates=num_gates)
    height, width = kernel.shape
    if width % num_gates:
        raise ValueError(
            f"num_gates must divide the kernel's width {width}, got {num_gates}."
        )
    gates = kernel.reshape(height, num_gates, -1).transpose(1, 0, 2)
    if height > gates.shape[-1]:
        gates = gates.transpose(0, 2, 1)
    products = gates @ gates.transpose(0, 2, 1)
    return ((products - jnp.eye(products.shape[-1], dtype=kernel.dtype)) ** 2).sum()


def _chosen_leaves(params, chosen):
    paths = {
        jax.tree_util.keystr(path, simple=True, separator="/"): leaf
        for path, leaf in jax.tree.leaves_with_path(params)
    }
    leaves = [leaf for path, leaf in paths.items() if chosen(path)]
    if not leaves:
        raise ValueError(f"chosen must choose a leaf, got none of {list(paths)}.")
    return leaves
