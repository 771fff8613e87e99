"""Finding orders: greedily or by beam search, for many sets or line by line."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from experiments.data.orders import Ordered, parse_elements
from experiments.harness import flag
from experiments.pointing.loading import Batcher, Elements, scaled
from experiments.shared import buckets as bucketing
from experiments.shared.answering import Answer, AnsweringFlags, round_up
from experiments.shared.trained import Trained
from rnnjax.decoding import beam_search, block_repeats
from rnnjax.models.pointer_network import PointerNetwork


def make_search(
    module: PointerNetwork, elements: Elements, config: Any
) -> Callable[..., tuple[Any, Any]]:
    """Makes `search(params, elements, mask, beam_size=..., num_best=1)`.

    Where nothing is taken twice, an order has as many elements as the set at most, and
    `longest` elements else. A beam of 1 is greedy.

    Returns:
      The function, of arrays batch first, to the numbers `[L, N, B]` of the N best,
      their lengths `[N, B]`, the end included, and their log-probabilities `[N, B]`.
    """
    graph = nnx.graphdef(module)
    constraints = [block_repeats(1)] if config.once == "search" else []

    @functools.partial(jax.jit, static_argnames=("beam_size", "num_best"))
    def search(params, given, mask, *, beam_size, num_best=1):
        model = nnx.merge(graph, params)
        own, carry = model.begin(model.encode(given, mask=mask))
        most = elements.longest if config.once == "never" else given.shape[1]
        found = beam_search(
            model.layer,
            own,
            jnp.zeros((1, len(given)), int),
            most + 1,
            beam_size=beam_size,
            end=0,
            num_best=num_best,
            carry=carry,
            constraints=constraints,
        )
        return found.tokens, found.lengths, found.log_probs

    return search


def make_point(
    module: PointerNetwork, elements: Elements, config: Any
) -> Callable[..., list[tuple[int, ...]]]:
    """Makes `point(params, sets, beam_size)`, the best order for each set."""
    search = make_search(module, elements, config)

    def point(
        params: Any, sets: Sequence[Ordered], beam_size: int
    ) -> list[tuple[int, ...]]:
        batcher = Batcher(sets, elements, config.batch_size)
        found: list[tuple[int, ...]] = [()] * len(sets)
        for rows in bucketing.rows_in_order(batcher.buckets):
            batch = batcher.batch(rows)
            numbers, lengths, _ = jax.device_get(
                search(params, batch.elements, batch.element_mask, beam_size=beam_size)
            )
            for row, index in enumerate(rows.indices):
                if index >= 0:
                    found[index] = order_of(numbers[: lengths[0, row], 0, row])
        return found

    return point


def order_of(numbers: np.ndarray) -> tuple[int, ...]:
    """Returns the indices of elements, from 0, that a search has found."""
    return tuple((numbers[numbers > 0] - 1).tolist())


@dataclasses.dataclass(frozen=True)
class PointFlags(AnsweringFlags):
    """The flags of `--point`.

    Raises:
      ValueError: if `num_best` is not from 1 to `beam_size`.
    """

    beam_size: int = flag(4, "hypotheses of the search; 1: greedy")
    num_best: int = flag(1, "orders per line, the best first")

    def __post_init__(self):
        """Checks the sizes."""
        if not 1 <= self.num_best <= self.beam_size:
            raise ValueError(
                f"num_best must be from 1 to beam_size {self.beam_size}, got "
                f"{self.num_best}."
            )


def make_reply(trained: Trained, flags: PointFlags) -> Callable[[str], Answer]:
    """Makes the function that orders the elements of a line.

    Places are counted from 1. Several orders of a line are separated by tabs in the
    format text.

    Raises:
      ValueError: by the function, if the line does not hold elements.
    """
    module, config, known = trained
    search = make_search(module, known, config)
    params = nnx.as_pure(nnx.state(module))
    sizes = {"beam_size": flags.beam_size, "num_best": flags.num_best}

    def reply(line: str) -> Answer:
        elements = scaled(parse_elements(line, config.width), known)
        num_elements = round_up(len(elements))
        padding = (0, num_elements - len(elements)), (0, 0)
        mask = np.arange(num_elements)[None] < len(elements)
        numbers, lengths, log_probs = jax.device_get(
            search(params, np.pad(elements, padding)[None], mask, **sizes)
        )
        orders = []
        for n, length in enumerate(lengths[:, 0]):
            if length:
                places = [place + 1 for place in order_of(numbers[:length, n, 0])]
                log_prob = float(log_probs[n, 0])
                orders.append({"order": places, "log_prob": log_prob})
        texts = [" ".join(map(str, own["order"])) for own in orders]
        return Answer("\t".join(texts), {"orders": orders})

    return reply
