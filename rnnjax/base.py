"""Cells, their factors, and layers."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar

import jax
import numpy as np
from jax import export

Array = jax.Array
Params = Any
Carry = Any
P = ParamSpec("P")
T = TypeVar("T")
CarryType = TypeVar("CarryType", bound=type)


class Engine(Protocol):
    """A way to run a cell over time; see `rnnjax.engines`."""

    def __call__(
        self,
        cell: "Cell",
        params: Params,
        carry: Carry,
        inputs: Any,
        *,
        mask: Array | None,
        reset: Array | None,
        reverse: bool,
    ) -> tuple[Carry, Any]:
        """Returns the last carry and the outputs `[T, ...]` of all steps.

        Args:
          cell: the cell to run.
          params: its parameters, prepared.
          carry: the carry before the first step computed.
          inputs: `[T, ...]` leaves, finite at masked steps too.
          mask: `[T, ...batch]` bool, true at real steps; None if all are.
          reset: `[T, ...batch]` bool, true where the carry is replaced by the initial
            one before the step is computed, in the order of computation.
          reverse: whether to compute the steps from the last to the first.
        """
        ...


class Factors(NamedTuple):
    """The parts of a step: the textbook's U, W, nonlinearity and V.

    A step is `readout(update(pre_activation(project(inputs), recur(carry))))`. Only
    `recur` and `update` depend on the step before, so an engine may run `project`
    and `readout` over all steps at once.

    Attributes:
      project: `(params, inputs) -> drive`, everything that depends only on the inputs.
      recur: `(params, carry) -> pull`, what the carry contributes; affine in the carry.
      update: `(params, carry, pre) -> carry`, the nonlinearity: gates, peepholes,
        norms; `pre = pre_activation(drive, pull)`.
      readout: `(params, carry, inputs) -> outputs`, from the new carry.
    """

    project: Callable[[Params, Any], Any]
    recur: Callable[[Params, Carry], Any]
    update: Callable[[Params, Carry, Any], Carry]
    readout: Callable[[Params, Carry, Any], Any]

    def step(self, params: Params, carry: Carry, inputs: Any) -> tuple[Carry, Any]:
        """Computes one step; returns the new carry and the outputs."""
        pre = pre_activation(self.project(params, inputs), self.recur(params, carry))
        carry = self.update(params, carry, pre)
        return carry, self.readout(params, carry, inputs)


class Cell(NamedTuple):
    """One step of time, as pure functions.

    Attributes:
      init: `(key, input_size) -> params`.
      initial_carry: `(params, batch_shape=()) -> carry`; every leaf starts with the
        batch shape.
      step: `(params, carry, inputs) -> (carry, outputs)`, so that
        `functools.partial(step, prepared(cell, params))` is a `jax.lax.scan` body.
      factors: the parts of the step, or None if it is not split.
      prepare: `params -> params`, what depends only on the parameters, computed once
        per unroll; the other functions take its result (see `prepared`). None if there
        is nothing to compute, as in most cells.
      input_ndim: rank of one step's inputs without batch axes: 1 for vectors, 0 for
        tokens, 2 for `[length, channels]`.
    """

    init: Callable[..., Params]
    initial_carry: Callable[..., Carry]
    step: Callable[[Params, Carry, Any], tuple[Carry, Any]]
    factors: Factors | None = None
    prepare: Callable[[Params], Params] | None = None
    input_ndim: int = 1


class Layer(NamedTuple):
    """A function of a whole sequence.

    Attributes:
      init: `(key, input_size) -> params`.
      initial_carry: `(params, batch_shape=()) -> carry`.
      apply: `(params, carry, inputs, *, mask=None, is_first=None, key=None) ->
        (carry, outputs)` over `[T, ..., input_size]`. A carry of None is the initial
        one; without a key nothing is random.
      step: the same for a single step without the axis of time; None if the layer is
        not causal.
      input_ndim: as in `Cell`.
    """

    init: Callable[..., Params]
    initial_carry: Callable[..., Carry]
    apply: Callable[..., tuple[Carry, Any]]
    step: Callable[..., tuple[Carry, Any]] | None = None
    input_ndim: int = 1


def serializable(carry_type: CarryType) -> CarryType:
    """Lets `jax.export` save functions of a NamedTuple, such as a carry."""
    name = f"rnnjax.{carry_type.__name__}"
    export.register_namedtuple_serialization(carry_type, serialized_name=name)
    return carry_type


def pre_activation(drive: Any, pull: Any) -> Any:
    """Adds the contributions of the inputs and of the carry.

    Where one of them is None (a leaf, a subtree or the whole) the other is taken.

    Args:
      drive: the result of `Factors.project`.
      pull: the result of `Factors.recur`, of the same structure except for None.

    Returns:
      The pre-activation that `Factors.update` takes.

    Raises:
      ValueError: if their structures differ elsewhere.

    Example:
      >>> pre_activation((1.0, 2.0, None), (10.0, None, 30.0))
      (11.0, 2.0, 30.0)
    """
    if drive is None or pull is None:
        return pull if drive is None else drive
    if jax.tree_util.all_leaves([drive]) and jax.tree_util.all_leaves([pull]):
        return drive + pull
    drives, drive_def = _flatten_one_level(drive)
    pulls, pull_def = _flatten_one_level(pull)
    if drive_def != pull_def:
        raise ValueError(f"pull must have the drive's {drive_def}, got {pull_def}.")
    return drive_def.unflatten([pre_activation(*pair) for pair in zip(drives, pulls)])


def _flatten_one_level(tree):
    return jax.tree.flatten(tree, is_leaf=lambda node: node is not tree)


def factored_cell(
    init: Callable[..., Params],
    initial_carry: Callable[..., Carry],
    factors: Factors,
    *,
    prepare: Callable[[Params], Params] | None = None,
    input_ndim: int = 1,
) -> Cell:
    """Makes a cell whose step is derived from its factors, so that the two agree.

    Args:
      init: see `Cell`.
      initial_carry: see `Cell`.
      factors: see `Factors`.
      prepare: see `Cell`.
      input_ndim: see `Cell`.

    Returns:
      The cell.
    """
    return Cell(init, initial_carry, factors.step, factors, prepare, input_ndim)


def prepared(cell: Cell, params: Params) -> Params:
    """Returns `params` as the cell's step takes them; see `Cell.prepare`.

    `unroll` and the layers call it once per sequence. Call it yourself where you run
    `cell.step` in a loop of your own.
    """
    return params if cell.prepare is None else cell.prepare(params)


def batch_shape(inputs: Any, input_ndim: int) -> tuple[int, ...]:
    """Returns the axes between time and the features of `[T, ...batch, ...]` inputs.

    Args:
      inputs: one array or a pytree of arrays; the first leaf decides.
      input_ndim: rank of one step's inputs without batch axes.

    Raises:
      ValueError: if there is no array, or the first has no axis of time.
    """
    leaves = jax.tree.leaves(inputs)
    if not leaves or leaves[0].ndim <= input_ndim:
        got = f"shape {leaves[0].shape}" if leaves else "no array"
        raise ValueError(
            f"inputs must have an axis of time before their {input_ndim} axes "
            f"of features, got {got}."
        )
    return leaves[0].shape[1 : leaves[0].ndim - input_ndim]


def cached(maker: Callable[P, T]) -> Callable[P, T]:
    """Makes a maker return the same object for equal options, however they are passed.

    `jax.jit` compares functions by identity, so a cell made twice would be compiled
    twice.

    Raises:
      TypeError: by the maker, if an option is unknown, missing or cannot be hashed.
    """
    signature = inspect.signature(maker)

    @functools.cache
    def call(args, kwargs, are_bool):
        del are_bool  # True is equal to 1, and is no size
        return maker(*args, **dict(kwargs))

    @functools.wraps(maker)
    def make(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{maker.__name__}() {error}") from None
        bound.apply_defaults()
        named = tuple(sorted(bound.kwargs.items()))
        values = (*bound.args, *(value for _, value in named))
        for value in values:
            if not _is_hashable(value):
                raise TypeError(
                    f"{maker.__name__}() takes hashable options, such as tuples in "
                    f"place of lists, got {value!r}."
                )
        return call(bound.args, named, tuple(isinstance(x, bool) for x in values))

    return make


def _is_hashable(value):
    try:
        hash(value)
    except TypeError:
        return False
    return True


def check_positive(**sizes: int) -> None:
    """Checks sizes passed to a maker.

    Raises:
      ValueError: if one of them is not a positive whole number.
    """
    for name, size in sizes.items():
        whole = isinstance(size, int | np.integer) and not isinstance(size, bool)
        if not whole or size <= 0:
            raise ValueError(f"{name} must be a positive whole number, got {size!r}.")
