"""Runs any function and records what its recurrences and activations hold.

The function is traced, and its program run again equation by equation. Every scan is a
recurrence. So nothing needs to be known of the network, neither cells nor layers.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core

from experiments.doctor.origins import Origins, Tag
from experiments.doctor.reach import reach
from rnnjax.base import Array

# The parameter that holds the program which a primitive runs.
INLINED = {
    "jit": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "remat2": "jaxpr",
}
Values = dict[str, Array]


class Recorder:
    """Runs programs and records values by name.

    Names are such as "recurrence 1, carry 0" (what a step reads), "recurrence 1, tanh
    2" (outputs) and "recurrence 1, reach" (see `reach`), numbered in the order of
    computation. In a scan, values have the axis of its steps first, in that order.

    Attributes:
      values: what was recorded.
      origins: what the tags of the function's values have shown.

    Args:
      added: added to the values of these names; zeros give gradients.
      origins: shared by a recorder and those of the scans within.
      prefix: of the names.
    """

    def __init__(self, added: Values, origins: Origins, prefix: str = ""):
        self.values: Values = {}
        self.origins = origins
        self._added, self._prefix = added, prefix
        self._counts: Counter[str] = Counter()

    def run(
        self, closed: core.ClosedJaxpr, arguments: list[Any], tags: list[Tag]
    ) -> tuple[list[Any], list[Tag]]:
        """Runs a program.

        Args:
          closed: the program.
          arguments: its arguments.
          tags: a tag per argument.

        Returns:
          Its results, and a tag of each.
        """
        jaxpr = closed.jaxpr
        values = dict(zip(jaxpr.constvars, closed.consts))
        values |= dict(zip(jaxpr.invars, arguments))
        known: dict[Any, Tag] = dict(zip(jaxpr.invars, tags))

        def value_of(atom):
            return atom.val if isinstance(atom, core.Literal) else values[atom]

        def tag_of(atom):
            return None if isinstance(atom, core.Literal) else known.get(atom)

        for equation in jaxpr.eqns:
            operands = [value_of(atom) for atom in equation.invars]
            results, new_tags = self._equation(
                equation, operands, [tag_of(atom) for atom in equation.invars]
            )
            values.update(zip(equation.outvars, results))
            known.update(zip(equation.outvars, new_tags))
        outs = jaxpr.outvars
        return [value_of(atom) for atom in outs], [tag_of(atom) for atom in outs]

    def _equation(self, equation, operands, tags):
        name, params = equation.primitive.name, equation.params
        if name in INLINED:
            inner = params[INLINED[name]]
            if not isinstance(inner, core.ClosedJaxpr):
                inner = core.ClosedJaxpr(inner, [])
            return self.run(inner, operands, tags)
        if name == "scan":
            return self._scan(params, operands, tags)
        if name == "cond" and tags[0] == "platform":
            index = int(operands[0])
            return self.run(params["branches"][index], operands[1:], tags[1:])
        if name == "platform_index":
            return [_index_of_platform(params["platforms"])], ["platform"]
        results = _evaluate(equation, operands)
        tag = self.origins.tag(equation, operands, tags)
        if tag in ("tanh", "relu") and name in ("tanh", "max"):
            self._record(tag, results)
        return results, [tag] * len(results)

    def _record(self, kind: str, results: list[Array]) -> None:
        if results[0].ndim:
            self.values[self._new_name(kind)] = results[0]

    def _new_name(self, kind: str) -> str:
        self._counts[kind] += 1
        return f"{self._prefix}{kind} {self._counts[kind] - 1}"

    def _scan(self, params, operands, tags):
        """Runs a scan that records what its steps hold, and how far they reach."""
        num_consts, num_carries = params["num_consts"], params["num_carry"]
        first_input = num_consts + num_carries
        consts, start = operands[:num_consts], operands[num_consts:first_input]
        inputs = operands[first_input:]
        prefix = f"{self._new_name('recurrence')}, "
        inner_tags = [*tags[:num_consts], *[None] * num_carries, *tags[first_input:]]
        found: list[list[Tag]] = []

        def scan(added: Values, is_watched: bool):
            def step(carry, inputs_and_added):
                inputs, added = inputs_and_added
                inner = Recorder(added, self.origins, prefix)
                read = [inner.carry(i, x) for i, x in enumerate(carry)]
                operands = [*consts, *read, *inputs]
                results, new_tags = inner.run(params["jaxpr"], operands, inner_tags)
                found.append(new_tags)
                seen = inner.values if is_watched else {}
                return results[:num_carries], (results[num_carries:], seen)

            options = {"length": params["length"], "reverse": params["reverse"]}
            return jax.lax.scan(step, start, (inputs, added), **options)

        own = {key: x for key, x in self._added.items() if key.startswith(prefix)}
        carry, (outputs, values) = scan(own, is_watched=True)
        names = [key for key in values if key.startswith(f"{prefix}carry")]
        zeros = {key: jnp.zeros_like(values[key]) for key in names}
        norms = reach(lambda added: scan(added, is_watched=False)[0], zeros)
        if norms is not None:
            values[f"{prefix}reach"] = norms
        if params["reverse"]:
            values = jax.tree.map(lambda x: x[::-1], values)
        self.values |= values
        return [*carry, *outputs], found[0]

    def carry(self, index: int, value: Array) -> Array:
        """Records a leaf of the carry that a step reads, with what is added to it."""
        if not jnp.issubdtype(jnp.result_type(value), jnp.floating):
            return value
        name = f"{self._prefix}carry {index}"
        if name in self._added:
            value = value + self._added[name]
        self.values[name] = value
        return value


def observe(
    function: Callable[..., Any], *arguments: Any, added: Values | None = None
) -> tuple[Any, Values, Origins]:
    """Evaluates a function and records what is inside; may be called under `jax.jit`.

    Args:
      function: a function of pytrees of arrays.
      *arguments: its arguments.
      added: see `Recorder`.

    Returns:
      What the function returns; the values by name, see `Recorder`; and the origins.
    """
    closed, shape = jax.make_jaxpr(function, return_shape=True)(*arguments)
    recorder = Recorder(added or {}, Origins())
    leaves = jax.tree.leaves(arguments)
    results, _ = recorder.run(closed, leaves, [None] * len(leaves))
    result = jax.tree.unflatten(jax.tree.structure(shape), results)
    return result, recorder.values, recorder.origins


def _evaluate(equation: Any, operands: list[Any]) -> list[Any]:
    """Computes an equation."""
    primitive = equation.primitive
    results = primitive.bind(*operands, **primitive.get_bind_params(equation.params))
    return list(results) if primitive.multiple_results else [results]


def _index_of_platform(platforms: tuple[tuple[str, ...] | None, ...]) -> int:
    """Returns which branch this platform runs; the last one is the default."""
    for index, names in enumerate(platforms):
        if names is None or jax.default_backend() in names:
            return index
    return len(platforms) - 1
