import jax
import jax.numpy as jnp
import pytest

from experiments.shared import compiling


@pytest.fixture(autouse=True)
def ask_anew(monkeypatch):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
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


def test_flags_of_the_environment_win(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")
    assert compiling.quick_compile() == {}
