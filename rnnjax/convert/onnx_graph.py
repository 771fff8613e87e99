"""The graphs of an ONNX file: their recurrent nodes, and values known in advance."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from rnnjax.convert.onnx_operators import OPERATORS

_RANDOM = {
    "Bernoulli",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
}
_FOLD = "onnxsim, or ONNX Runtime with optimized_model_filepath, can fold it"


class NotHeldError(Exception):
    """A value that is not known before the model runs; the text says why."""


class Graph:
    """A graph of a file, with what depends on stored tensors alone.

    Such values are folded: computed by ONNX's own reference evaluator.

    Attributes:
      path: the nodes around it and which of their graphs it is, such as
        `("branch.then_branch",)`, from the outside in; empty for the main graph.
    """

    def __init__(
        self, graph: Any, opsets: dict[str, int], outer: "Graph | None" = None
    ):
        from onnx import numpy_helper

        self.path: tuple[str, ...] = ()
        self._graph, self._opsets, self._outer = graph, opsets, outer
        self._stored = {tensor.name: tensor for tensor in graph.initializer}
        self._values: dict[str, np.ndarray] = {}
        self._to_array = numpy_helper.to_array
        self._makers = {name: node for node in graph.node for name in node.output}
        # why a value is not known; graphs are sorted, so each node follows its inputs
        self._reasons = {
            given.name: f"{given.name!r}, an input" for given in graph.input
        }
        for name in self._stored:
            self._reasons.pop(name, None)
        for node in graph.node:
            reason = self._reason(node)
            if reason:
                self._reasons |= dict.fromkeys(node.output, reason)

    def nodes(self) -> Iterator[tuple[Any, "Graph"]]:
        """Yields all nodes and their graphs, those within a node before it."""
        from onnx import AttributeProto

        for node in self._graph.node:
            for attribute in node.attribute:
                if attribute.type == AttributeProto.GRAPH:
                    inner = Graph(attribute.g, self._opsets, self)
                    inner.path = (*self.path, f"{name_of(node)}.{attribute.name}")
                    yield from inner.nodes()
            yield node, self

    def value(self, name: str) -> np.ndarray:
        """Returns a value that the file holds, or computes from what it holds.

        Args:
          name: of a tensor of this graph or of one around it.

        Raises:
          NotHeldError: if it depends on an input, or cannot be computed.
        """
        if name in self._stored:
            return self._to_array(self._stored[name])
        reason = self._reason_of(name)
        if reason:
            raise NotHeldError(self._explained(name, reason))
        if name in self._makers:
            self._compute(name)
            return self._values[name]
        if self._outer is not None:
            return self._outer.value(name)
        raise NotHeldError(f"{name!r}, which nothing computes")

    def _reason_of(self, name):
        if name in self._stored or not name:
            return None
        if name in self._reasons:
            return self._reasons[name]
        if name in self._makers:
            return None
        if self._outer is None:
            return f"{name!r}, which nothing computes"
        return self._outer._reason_of(name)

    def _reason(self, node):
        """Says why what a node computes is not known; None if it is."""
        if node.op_type in _RANDOM:
            return f"{node.output[0]!r}, a random value"
        if any(attribute.HasField("g") for attribute in node.attribute):
            return f"{node.output[0]!r}, the result of other graphs: {_FOLD}"
        reasons = map(self._reason_of, node.input)
        return next(filter(None, reasons), None)

    def _explained(self, name, reason):
        node = self._makers.get(name)
        if node is None or reason.startswith(f"{name!r},"):
            return reason
        return (
            f"{name!r}, which {node.op_type} {name_of(node)!r} computes from {reason}"
        )

    def _compute(self, name):
        """Computes a value and what it needs, in the order of the graph."""
        from onnx.reference import ReferenceEvaluator

        needed, todo = set(), [name]
        while todo:
            maker = self._makers.get(todo.pop())
            if maker is not None and maker.output[0] not in needed:
                needed.add(maker.output[0])
                todo.extend(maker.input)
        for node in self._graph.node:
            if not node.output or node.output[0] not in needed - self._values.keys():
                continue
            inputs = {given: self._known(given) for given in node.input if given}
            try:
                evaluator = ReferenceEvaluator(node, opsets=self._opsets)
                values = evaluator.run(None, inputs)
            except Exception as error:  # whatever the operator's code raises
                raise NotHeldError(
                    f"{name!r}, which needs {node.op_type} {name_of(node)!r}, that "
                    f"onnx cannot evaluate ({type(error).__name__}: {error}): {_FOLD}"
                ) from error
            self._values |= dict(zip(node.output, map(np.asarray, values)))

    def _known(self, name):
        return self._values[name] if name in self._values else self.value(name)


def recurrent_nodes(model: Any) -> list[tuple[Any, Graph]]:
    """Returns the recurrent nodes of a model and the graphs that they are in.

    Functions defined in the file are put in the place of their calls.

    Raises:
      ValueError: if there is none.
    """
    from onnx import inliner

    if model.functions:
        model = inliner.inline_local_functions(model)
    opsets = {opset.domain: opset.version for opset in model.opset_import}
    nodes = list(Graph(model.graph, opsets).nodes())
    found = [
        (node, graph)
        for node, graph in nodes
        if node.op_type in OPERATORS and node.domain in ("", "ai.onnx")
    ]
    if not found:
        others = sorted({node.op_type for node, _ in nodes})
        raise ValueError(
            "model must have a node RNN, LSTM or GRU, "
            f"got nodes {', '.join(others) or 'none'}."
        )
    return found


def name_of(node: Any) -> str:
    """Returns a node's name, or that of its first output if it has none."""
    return node.name or next(filter(None, node.output), "")
