"""Checks parameters against those that a cell or a layer makes itself."""

import contextlib
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax.base import Params

Init = Callable[..., Params]
Path = tuple[str, ...]

_KINDS = {
    "floating": jnp.floating,
    "complex": jnp.complexfloating,
    "integer": jnp.integer,
    "bool": jnp.bool_,
}
_PROBES = (2, 240, 480)  # the large ones suit any usual number of heads or blocks
_TRACED: weakref.WeakKeyDictionary[Init, dict] = weakref.WeakKeyDictionary()


class ParamsError(ValueError):
    """Parameters that do not fit their cell or layer.

    Attributes:
      path: the keys that lead there, such as `("[1]", "['kernel']", ".h")`.
      problem: what must be there, and what was given.
    """

    def __init__(self, path: Path, problem: str):
        super().__init__(f"params{''.join(path)} {problem}.")
        self.path, self.problem = path, problem


class InputsError(ValueError):
    """Parameters of a part of a layer that fit inputs of another size than it gets.

    Attributes:
      path: the keys that lead to the part, such as `("[1]",)`.
      size: the size that the parameters fit.
      shape: of the inputs, without the axis of time.
    """

    def __init__(self, path: Path, size: int, shape: tuple[int, ...]):
        of_part = f" for params{''.join(path)}" if path else ""
        super().__init__(
            f"inputs must have a last axis of {size}{of_part}, got shape {shape}."
        )
        self.path, self.size, self.shape = path, size, shape


class _Leaf(NamedTuple):
    """What a parameter must be; an axis of None may have any length."""

    shape: tuple[int | None, ...]
    kind: str


def check_params(
    init: Init, params: Params, inputs: Any, *, input_ndim: int = 1
) -> None:
    """Checks parameters against those that `init` makes, on static facts only.

    Every leaf that `init` makes must be given and no other, of the same shape and kind
    of dtype (floating, complex, integer, bool). Further leading axes are accepted if
    they broadcast against the batch, and any parameters where `init` leaves None.

    `init` is traced abstractly, once per input size. That size is known if the inputs
    are one array of vectors or grids. For tokens and for several arrays it is not, and
    the axes that depend on it are not checked. Nothing is checked if `init` is None,
    makes no parameters or cannot be traced.

    Args:
      init: `(key, input_size) -> params`.
      params: the parameters given.
      inputs: one array or a pytree of arrays `[T, ...batch, ...]`, features last.
      input_ndim: rank of one step's inputs without batch axes.

    Raises:
      ParamsError: a ValueError, if a leaf is missing or unexpected, or has another
        shape or kind of dtype.
      InputsError: a ValueError, if the parameters fit inputs of another size.

    Example:
      >>> params = rnnjax.lstm(5).init(jax.random.key(0), 3)
      >>> check_params(rnnjax.lstm(6).init, params, jnp.ones((7, 2, 3)))
      Traceback (most recent call last):
      ...
      rnnjax.parameters.ParamsError: params['bias'] must be [24], got [20].
    """
    leaves = jax.tree.leaves(inputs)
    input_size = _input_size(leaves, input_ndim)
    expected = _expected(init, input_size)
    if not expected:
        return
    given = _flat(params)
    batch = np.shape(leaves[0])[1 : leaves[0].ndim - input_ndim]
    wanted = {path: want for path, want in expected.items() if want}
    for path, leaf in given.items():
        if path not in expected and not _is_free(path, expected):
            known = ", ".join(map("".join, wanted))
            problem = (
                f"must not be given, got {written_shape(np.shape(leaf))} beside {known}"
            )
            raise ParamsError(path, problem)
    for path, want in wanted.items():
        if path not in given:
            raise ParamsError(path, f"must be {written_shape(want.shape)}, got nothing")
    for path, want in wanted.items():
        got = np.shape(given[path])
        if not _fits(got, want.shape, batch):
            _check_inputs(init, given, input_size, batch, leaves[0].shape)
            shape = written_shape(want.shape)
            raise ParamsError(path, f"must be {shape}, got {written_shape(got)}")
        dtype = jnp.result_type(given[path])
        if _kind(dtype) != want.kind:
            raise ParamsError(
                path, f"must be {want.kind}, got {dtype}{written_shape(got)}"
            )


@contextlib.contextmanager
def part(params: Params, key: int | str) -> Iterator[Params]:
    """Yields `params[key]`, and completes the paths of errors raised on it.

    Raises:
      ParamsError: if there is no such part, or one is raised within.
      InputsError: if one is raised within.

    Example:
      >>> with part(({}, {"kernel": 1}), 1) as own:
      ...     raise ParamsError(("['kernel']",), "must be [3], got []")
      Traceback (most recent call last):
      ...
      rnnjax.parameters.ParamsError: params[1]['kernel'] must be [3], got [].
    """
    if key not in _keys(params):
        raise ParamsError((f"[{key!r}]",), "must be given, got nothing")
    try:
        yield params[key]
    except ParamsError as error:
        raise ParamsError((f"[{key!r}]", *error.path), error.problem) from None
    except InputsError as error:
        path = f"[{key!r}]", *error.path
        raise InputsError(path, error.size, error.shape) from None


def check_parts(params: Params, keys: Sequence[int | str]) -> None:
    """Checks that parameters consist of these parts and no others.

    Args:
      params: a layer's parameters, a tuple or a dict.
      keys: the parts expected: the names, or `range(num_layers)`.

    Raises:
      ParamsError: if a part is missing or unexpected.
    """
    given = _keys(params)
    for key in keys:
        if key not in given:
            got = ", ".join(f"[{own!r}]" for own in given) or "nothing"
            raise ParamsError((f"[{key!r}]",), f"must be given, got {got}")
    for key in given:
        if key not in keys:
            known = ", ".join(f"[{own!r}]" for own in keys)
            problem = f"must not be given, got it beside {known}"
            raise ParamsError((f"[{key!r}]",), problem)


def _keys(params):
    if isinstance(params, Mapping) or hasattr(params, "keys"):
        return list(params.keys())
    return list(range(len(params))) if isinstance(params, Sequence) else []


def _input_size(leaves, input_ndim):
    """Returns what `init` is given for such inputs; None if that is not known."""
    if len(leaves) != 1 or input_ndim == 0:
        return None
    sizes = np.shape(leaves[0])[-input_ndim:]
    return sizes[0] if len(sizes) == 1 else tuple(sizes)


def _expected(init, input_size):
    """Returns `{path: _Leaf or None}`, empty if it is not known."""
    try:
        traced = _TRACED.setdefault(init, {})
    except TypeError:  # no weak reference to it can be made
        traced = {}
    if input_size not in traced:
        trace = _trace_any_size if input_size is None else _trace
        traced[input_size] = trace(init, input_size)
    return traced[input_size]


def _trace(init, input_size):
    try:
        made = jax.eval_shape(lambda: init(jax.random.key(0), input_size))
    except Exception:  # a user's own `init` may raise anything, for any reason
        return {}
    leaves = _flat(made, is_leaf=lambda x: x is None)
    if all(x is None for x in leaves.values()):
        return {}
    return {
        path: None if x is None else _Leaf(x.shape, _kind(x.dtype))
        for path, x in leaves.items()
    }


def _trace_any_size(init, _):
    """Finds which axes depend on the input size by comparing several."""
    found = [made for size in _PROBES if (made := _trace(init, size))]
    first = found[0] if len(found) > 1 else {}
    if any(_ranks(own) != _ranks(first) for own in found):
        return {}
    return {path: _common(*(own[path] for own in found)) for path in first}


def _ranks(expected):
    return {
        path: want and (len(want.shape), want.kind) for path, want in expected.items()
    }


def _common(first, *others):
    if first is None:
        return None
    sizes = zip(first.shape, *(own.shape for own in others))
    return _Leaf(tuple(n[0] if len(set(n)) == 1 else None for n in sizes), first.kind)


def _flat(tree, is_leaf=None):
    """Returns the leaves by path; a dict and a subclass of it give the same paths."""
    leaves = jax.tree_util.tree_leaves_with_path(tree, is_leaf=is_leaf)
    return {tuple(map(str, path)): leaf for path, leaf in leaves}


def _is_free(path, expected):
    """Says whether a leaf stands where `init` left None."""
    return any(
        want is None and path[: len(own)] == own for own, want in expected.items()
    )


def _fits(shape, want, batch):
    extra = len(shape) - len(want)
    if extra < 0 or extra > len(batch):
        return False
    leading = batch[len(batch) - extra :]
    return all(n in (1, own) for n, own in zip(shape, leading)) and all(
        own in (None, n) for n, own in zip(shape[extra:], want)
    )


def _check_inputs(init, given, input_size, batch, shape):
    """Raises if the parameters are all right for inputs of another size."""
    if input_size is None:
        return
    grid = input_size[:-1] if isinstance(input_size, tuple) else None
    for size in _other_sizes(_expected(init, input_size), given, shape[-1]):
        expected = _trace(init, size if grid is None else (*grid, size))
        if expected and all(
            _fits(np.shape(given[path]), want.shape, batch)
            for path, want in expected.items()
            if want
        ):
            raise InputsError((), size, shape[1:])


def _other_sizes(expected, given, size):
    """Returns the input sizes that would explain an axis of another length.

    Lengths grow with the input size either by a sum or by a product.
    """
    sizes = set()
    for path, want in expected.items():
        shapes = (np.shape(given[path]), want.shape) if want else ((), ())
        for got, own in zip(*(shape[::-1] for shape in shapes)):
            if got != own:
                sizes |= {size + got - own, size * got // max(own, 1)}
    return sorted(n for n in sizes if n > 0)


def _kind(dtype):
    kinds = (name for name, kind in _KINDS.items() if jnp.issubdtype(dtype, kind))
    return next(kinds, str(dtype))


def written_shape(shape: Sequence[int | None]) -> str:
    """Writes a shape as messages do; None stands for an axis of any length.

    Example:
      >>> print(written_shape((None, 5)))
      [any, 5]
    """
    return f"[{', '.join('any' if n is None else str(n) for n in shape)}]"
