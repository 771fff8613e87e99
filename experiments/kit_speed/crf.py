"""The partition function of a conditional random field and its gradient.

PyTorch computes the same recursion as CRF libraries for it do: a loop over the steps in
Python, each a `logsumexp` over `[batch, tags, tags]`, with a prefix mask.
"""

import importlib.util
from typing import Any

import jax
import numpy as np

from experiments.kit_speed.case import Case, Contender
from rnnjax.base import Params
from rnnjax.losses.chains import ASSOCIATIVE_SCAN
from rnnjax.losses.crf import CRF, crf, crf_log_partition

BATCH_SIZE, NUM_STEPS, NUM_TAGS = 32, 100, 20


def make_contenders() -> dict[str, Contender]:
    """Makes the ways to compute the log partition function and its gradients.

    Returns:
      The contenders; each returns the sum over the batch and its gradients by all
      parameters and by the emissions.
    """
    rng = np.random.default_rng(0)
    shape = (NUM_STEPS, BATCH_SIZE, NUM_TAGS)
    emissions = rng.normal(size=shape).astype(np.float32)
    params = {
        "start": rng.normal(size=NUM_TAGS).astype(np.float32),
        "transitions": rng.normal(size=(NUM_TAGS, NUM_TAGS)).astype(np.float32),
        "end": rng.normal(size=NUM_TAGS).astype(np.float32),
    }
    lengths = rng.integers(NUM_STEPS // 2, NUM_STEPS + 1, size=BATCH_SIZE)
    mask = np.arange(NUM_STEPS)[:, None] < lengths
    contenders = {"rnnjax": ours(crf(NUM_TAGS), params, emissions, mask)}
    associative = crf(NUM_TAGS, chain=ASSOCIATIVE_SCAN)
    contenders["associative scan"] = ours(associative, params, emissions, mask)
    if importlib.util.find_spec("torch") is not None:
        contenders["PyTorch"] = in_torch(params, emissions, mask)
        contenders["PyTorch, one thread"] = in_torch(params, emissions, mask, 1)
    return contenders


def ours(tagger: CRF, params: Params, emissions: Any, mask: Any) -> Contender:
    """Makes a contender of the library, on arrays that are already there."""

    @jax.jit
    def compute(params, emissions, mask):
        def total(params, emissions):
            return crf_log_partition(tagger, params, emissions, mask).sum()

        return jax.value_and_grad(total, (0, 1))(params, emissions)

    arguments = jax.device_put((params, emissions, mask))
    return lambda: jax.block_until_ready(compute(*arguments))


def in_torch(
    params: Params, emissions: Any, mask: Any, num_threads: int | None = None
) -> Contender:
    """Makes a contender of PyTorch, by default on as many threads as it chooses."""
    import torch

    num_threads = num_threads or torch.get_num_threads()
    own = {name: torch.tensor(x, requires_grad=True) for name, x in params.items()}
    scores = torch.tensor(emissions, requires_grad=True)
    real = torch.tensor(mask)[..., None]

    def compute():
        torch.set_num_threads(num_threads)
        for leaf in (*own.values(), scores):
            leaf.grad = None
        vector = own["start"] + scores[0]
        for step in range(1, len(scores)):
            sums = vector[:, :, None] + own["transitions"]
            new = torch.logsumexp(sums, dim=1) + scores[step]
            vector = torch.where(real[step], new, vector)
        total = torch.logsumexp(vector + own["end"], dim=1).sum()
        total.backward()
        leaves: Any = (own, scores)  # whose `grad` is known to be there
        return total.detach().numpy(), jax.tree.map(lambda x: x.grad.numpy(), leaves)

    return compute


CASES = (
    Case(
        "CRF partition and gradient, batch 32, 100 steps, 20 tags",
        make_contenders,
        {"PyTorch": 3.0, "PyTorch, one thread": 3.0},
        tolerance=1e-4,
    ),
)
