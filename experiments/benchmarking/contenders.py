"""Who takes part: names, and where a worker finds them without importing the rest."""

import importlib.util
from typing import Any, NamedTuple

CELLS = ("lstm", "gru", "elman")
ENGINES = ("scan", "hoisted", "remat")  # as in experiments.benchmarking.rnnjax_engines
DEFAULT_ENGINE = "hoisted"
_HERE = __name__.rpartition(".")[0]


class Contender(NamedTuple):
    """A library, or a way to use it.

    Attributes:
      source: `module:function` that loads a case, imported by the worker alone.
      package: what must be installed.
      options: keyword arguments of the function.
      cells: what it has of the cells, with equal equations.
      is_peer: whether it counts among the JAX libraries that rnnjax is held against.
      is_sharded: whether it lays the batch out over one device a core.
      is_variant: whether it takes part only where it is asked for.
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
    # Haiku's GRU resets before the product, and its Elman network is of ReLU alone.
    "haiku": Contender(f"{_HERE}.jax_peers:haiku", "haiku", cells=("lstm",)),
    # Equinox has no Elman network.
    "equinox": Contender(
        f"{_HERE}.jax_peers:equinox", "equinox", cells=("lstm", "gru")
    ),
    "keras": Contender(f"{_HERE}.keras_peer:layer", "keras"),
    "torch": Contender(f"{_HERE}.torch_peer:module", "torch", is_peer=False),
}


def is_installed(name: str) -> bool:
    """Says whether a contender can take part here."""
    return importlib.util.find_spec(CONTENDERS[name].package) is not None


def choose(names: tuple[str, ...]) -> tuple[str, ...]:
    """Returns who takes part.

    Args:
      names: who was asked for; empty: all that are installed, without variants.

    Raises:
      ValueError: if one is not known or not installed.
    """
    for name in names:
        if name not in CONTENDERS:
            known = ", ".join(CONTENDERS)
            raise ValueError(f"contenders must be among {known}, got {name}.")
        if not is_installed(name):
            raise ValueError(
                f"contenders must be installed, got {name}; get it by: "
                "pip install 'rnnjax[conformance]'"
            )
    return names or tuple(
        name
        for name, contender in CONTENDERS.items()
        if is_installed(name) and not contender.is_variant
    )
