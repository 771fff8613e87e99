import jax
import jax.numpy as jnp
import pytest

from experiments.shared import compiling


@pytest.fixture(autouse=True)
def ask_anew():
    compiling.quick_compile.cache_clear()
    yield
    compiling.quick_compile.cache_clear()


def test_this_version_knows_the_options():
    options = compiling.quick_compile()
    assert options == (compiling.ON_CPU if jax.default_backend() == "cpu" else {})
    assert jax.jit(jnp.negative, compiler_options=options)(2.0) == -2


def test_options_that_xla_does_not_know_are_left_out(monkeypatch):
    monkeypatch.setattr(compiling, "ON_CPU", {"xla_no_such_option": True})
    assert compiling.quick_compile() == {}
