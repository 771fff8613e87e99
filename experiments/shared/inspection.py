"""What `experiments.doctor`, or another tool, needs to know of a training.

An experiment in a folder has a file `inspection.py` with `inspect(config)`, which
returns an `Inspection` or a dict of them by name. Without it, `inspection_of` takes
what `prepare(config)` returns, and nothing is known of validation and test data.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import optax
from flax import nnx

from experiments.data.corpus import Corpus
from experiments.shared import training
from rnnjax.base import Array


class Examples(NamedTuple):
    """The examples of a part of the data; a single one may be a text or a series.

    Attributes:
      inputs: one per example: an array `[num_steps, ...]` as the network reads it,
        after scaling, or a tuple of symbols.
      targets: one per example: a class, a sequence of classes, or numbers; None if the
        inputs themselves are predicted.
    """

    inputs: Sequence[Any]
    targets: Sequence[Any] | None = None


def mask_of(batch: Any) -> Any:
    """Returns the field `mask` of a batch, None if it has none."""
    return getattr(batch, "mask", None)


class Inspection(NamedTuple):
    """A training, ready to be examined.

    Attributes:
      params: the initial parameters.
      loss: `loss(params, batch, key)`, the scalar that is differentiated.
      batch: `batch(i)`, the batch of update i, a pytree of arrays.
      epoch_length: updates per epoch.
      optimizer: the optimizer, including clipping.
      parts: the examples by the names "train", "validation" and "test", as far as
        known.
      num_rows: rows of the batches of an epoch if every example is read exactly once,
        without those that only fill a batch; None: unknown.
      mask: `mask(batch)`, bool with the axes of batch and time, true at real steps;
        None if all are.
      batch_axis: the axis of the batch in every leaf of a batch, and in the mask.
    """

    params: Any
    loss: Callable[[Any, Any, Array], Array]
    batch: Callable[[int], Any]
    epoch_length: int
    optimizer: optax.GradientTransformation
    parts: Mapping[str, Examples]
    num_rows: int | None = None
    mask: Callable[[Any], Any] = mask_of
    batch_axis: int = 0


def inspection_of(
    prepared: Any,
    parts: Mapping[str, Examples] | None = None,
    num_rows: int | None = None,
) -> Inspection:
    """Makes the inspection of what `prepare(config)` returns.

    Args:
      prepared: has `batch`, `epoch_length`, `optimizer`, an NNX module `module`, and
        `loss(params, batch, key)`; or it is a `training.Prepared`, whose windows are
        then read from the initial carry.
      parts: see `Inspection`; None: those of a text, otherwise unknown.
      num_rows: see `Inspection`.

    Raises:
      ValueError: if it is not like this.
    """
    missing = [
        name
        for name in ("batch", "epoch_length", "module", "loss", "optimizer")
        if not hasattr(prepared, name)
    ]
    if missing:
        raise ValueError(
            f"prepared must have {', '.join(missing)} to be examined, or the "
            "experiment a file inspection.py."
        )
    loss = prepared.loss
    if isinstance(prepared, training.Prepared):
        loss = _from_the_initial_carry(prepared)
        if parts is None and isinstance(prepared.data, Corpus):
            parts = parts_of_text(prepared.data)
    return Inspection(
        nnx.as_pure(nnx.state(prepared.module)),
        loss,
        prepared.batch,
        prepared.epoch_length,
        prepared.optimizer,
        parts or {},
        num_rows,
    )


def parts_of_text(corpus: Corpus) -> dict[str, Examples]:
    """Returns the parts of a text, each a single example."""
    parts = {
        "train": corpus.train,
        "validation": corpus.validation,
        "test": corpus.test,
    }
    return {name: Examples([x]) for name, x in parts.items() if x is not None}


def _from_the_initial_carry(prepared: training.Prepared) -> Callable[..., Array]:
    graph = nnx.graphdef(prepared.module)

    def loss(params, batch, key):
        batch_size = np.shape(batch.inputs)[0]
        carry = nnx.merge(graph, params).initial_carry((batch_size,))
        return prepared.loss(params, carry, batch, key)[0]

    return loss
