"""The contenders: names, and where a worker finds each without importing the rest."""

import importlib.util
from typing import Any, NamedTuple

from rnnjax import engines

CELLS = ("lstm", "gru", "elman")
ENGINES = tuple(engine.__name__ for engine in engines.ENGINES)
DEFAULT_ENGINE = engines.hoisted.__name__
_HERE = __name__.rpartition(".")[0]


class Contender(NamedTuple):
    """A library, or a way to use it.

    Attributes:
      source: `module:function` that loads a case; only the worker imports it.
      package: the package that must be installed.
      options: keyword arguments of the function.
      cells: the cells that it has, with equal equations.
      is_peer: whether it is one of the JAX libraries that rnnjax is compared with.
      is_sharded: whether it distributes the batch over one device per core.
      is_variant: whether it takes part only if asked for.
    """

    source: str
    package: str
    options: dict[str, Any] = {}
    cells: tuple[str, ...] = CELLS
    is_peer: bool = True
    is_sharded: bool = False
    is_variant: bool = False


def _engines(name):
    source, options = f"{_HERE}.rnnjax_engines:engine", {"name": name}
    rare = name == "remat"  # for long sequences
    one = Contender(source, "rnnjax", options, is_peer=False, is_variant=rare)
    return {
        name: one,
        f"{name}_sharded": one._replace(
            options=options | {"is_sharded": True},
            is_sharded=True,
            is_variant=name != DEFAULT_ENGINE,
        ),
        f"{name}_vmap": one._replace(
            options=options | {"is_mapped": True}, is_variant=True
        ),
    }


CONTENDERS: dict[str, Contender] = {
    **{name: entry for engine in ENGINES for name, entry in _engines(engine).items()},
    "linen": Contender(f"{_HERE}.flax_peers:linen_rnn", "flax"),
    "nnx": Contender(f"{_HERE}.flax_peers:nnx_rnn", "flax"),
    # Haiku's GRU resets before the product, and its Elman network has only ReLU.
    "haiku": Contender(f"{_HERE}.jax_peers:haiku", "haiku", cells=("lstm",)),
    # Equinox has no Elman network.
    "equinox": Contender(
        f"{_HERE}.jax_peers:equinox", "equinox", cells=("lstm", "gru")
    ),
    "keras": Contender(f"{_HERE}.keras_peer:layer", "keras"),
    "torch": Contender(f"{_HERE}.torch_peer:module", "torch", is_peer=False),
}


def is_installed(name: str) -> bool:
    """Whether a contender can take part here."""
    return importlib.util.find_spec(CONTENDERS[name].package) is not None


def choose(names: tuple[str, ...]) -> tuple[str, ...]:
    """Chooses the contenders that take part.

    Args:
      names: those asked for; empty: all that are installed, without variants.

    Raises:
      ValueError: if one is unknown or not installed.
    """
    for name in names:
        if name not in CONTENDERS:
            known = ", ".join(CONTENDERS)
            raise ValueError(f"contenders must be among {known}, got {name}.")
        if not is_installed(name):
            raise ValueError(
                f"contenders must be installed, got {name}; install it with: "
                "pip install 'rnnjax[conformance]'"
            )
    return names or tuple(
        name
        for name, contender in CONTENDERS.items()
        if is_installed(name) and not contender.is_variant
    )
