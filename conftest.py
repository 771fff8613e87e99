"""Names that the examples in docstrings use without importing them."""

import jax
import jax.numpy as jnp
import pytest

import rnnjax


@pytest.fixture(autouse=True)
def _names_of_examples(doctest_namespace):
    doctest_namespace.update(jax=jax, jnp=jnp, rnnjax=rnnjax)
