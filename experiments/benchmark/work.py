"""The work that every contender gets: sizes, weights and inputs, in NumPy.

The weights are these, whatever a library calls them and however it stores them:
`kernel` `[D, gates * H]`, `recurrent_kernel` `[H, gates * H]`, `bias` `[gates * H]`,
and for a GRU `candidate_bias` `[H]`, which is zero because not every library has one.
"""

import dataclasses
import os
import platform
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

# So small that the weights hardly change: every call does the same work.
LEARNING_RATE, MOMENTUM = 1e-6, 0.9
NUM_GATES = {"elman": 1, "lstm": 4, "gru": 3}
PRODUCT_SIZE = 2048
# How a process allocates memory, and what the tables call it. "kept" is
# `rnnjax.memory.keep_freed_memory`.
ALLOCATORS = {"default": "default allocator", "kept": "freed memory kept"}


def usable_allocators(names: Sequence[str]) -> list[str]:
    """Leaves out the allocator `kept` where it does not exist: it needs glibc."""
    has_glibc = platform.libc_ver()[0] == "glibc"
    return [name for name in names if name != "kept" or has_glibc]


def count_cores() -> int:
    """Counts the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Shape(NamedTuple):
    """The sizes of a batch of sequences; inputs and outputs are equally wide.

    Attributes:
      batch_size: B.
      num_steps: T.
      size: D and H.
    """

    batch_size: int
    num_steps: int
    size: int

    def __str__(self) -> str:
        return ",".join(map(str, self))


def read_shape(text: str) -> Shape:
    """Reads a shape from the command line.

    Args:
      text: batch size, steps and size, such as `20,35,200`.

    Raises:
      ValueError: if it is not three positive whole numbers.
    """
    parts = text.split(",")
    if len(parts) != 3 or not all(p.isdecimal() and int(p) > 0 for p in parts):
        raise ValueError(
            "shapes must be B,T,D of three positive whole numbers such as 20,35,200, "
            f"got {text}."
        )
    return Shape(*map(int, parts))


@dataclasses.dataclass(frozen=True)
class Case:
    """One thing to measure, the same for all its contenders.

    Attributes:
      group: the table it belongs to: `forward`, `gradient`, `train`, `lengths`, ...
      work: what a call computes: `forward`, `gradient`, `train` or `product`.
      cell: elman, lstm or gru.
      shape: the sizes.
      num_cores: number of cores that each worker may use.
      contenders: names.
      allocator: how all of them allocate memory, one of `ALLOCATORS`.
      seed: seed of weights and inputs.
    """

    group: str
    work: str
    cell: str
    shape: Shape
    num_cores: int
    contenders: tuple[str, ...]
    allocator: str = "default"
    seed: int = 0

    @property
    def name(self) -> str:
        """The name in the results, different for every case of a run."""
        what = "product" if self.work == "product" else f"{self.cell} {self.shape}"
        return f"{self.group} {what} on {self.cores}, {ALLOCATORS[self.allocator]}"

    @property
    def cores(self) -> str:
        """The number of cores, as text."""
        return f"{self.num_cores} core" + "s" * (self.num_cores > 1)


class Data(NamedTuple):
    """The arrays of a case, all float32.

    Attributes:
      weights: by the names above.
      inputs: `[T, B, D]`.
      cotangents: `[T, B, H]`, the weight of each output in the loss, which is the sum
        of the weighted outputs.
    """

    weights: dict[str, np.ndarray]
    inputs: np.ndarray
    cotangents: np.ndarray


def make_data(case: Case) -> Data:
    """Draws the arrays of a case; equal cases give equal arrays in every process."""
    rng = np.random.default_rng(case.seed)
    size, width = case.shape.size, NUM_GATES[case.cell] * case.shape.size
    steps = (case.shape.num_steps, case.shape.batch_size, size)

    def draw(*shape):
        return rng.uniform(-1, 1, shape).astype(np.float32) / np.float32(size) ** 0.5

    weights = {
        "kernel": draw(size, width),
        "recurrent_kernel": draw(size, width),
        "bias": draw(width),
    }
    if case.cell == "gru":
        weights["candidate_bias"] = np.zeros(size, np.float32)
    inputs = rng.standard_normal(steps, np.float32)
    return Data(weights, inputs, rng.standard_normal(steps, np.float32))


def num_flops(case: Case) -> int:
    """Counts the operations of the products of a call, 2 per multiply and add.

    A backward pass has two products for each product of the forward pass.
    """
    if case.work == "product":
        return 2 * PRODUCT_SIZE**3
    batch_size, num_steps, size = case.shape
    forward = 2 * batch_size * num_steps * 2 * size * NUM_GATES[case.cell] * size
    return forward * (1 if case.work == "forward" else 3)


class Program(NamedTuple):
    """A case as one contender computes it, ready to be called.

    Attributes:
      call: computes once and waits until it is done.
      results: returns the results of the first call, by names that all contenders
        share; called once, before everything else.
      compile_seconds: time to trace and compile; None where nothing is compiled.
      temp_bytes: temporary memory of the compiled program; None where unknown.
    """

    call: Callable[[], Any]
    results: Callable[[], dict[str, np.ndarray]]
    compile_seconds: float | None = None
    temp_bytes: int | None = None
