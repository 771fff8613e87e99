"""One frozen dataclass is the only truth about an experiment's flags."""

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal


def flag(
    default: Any, help: str, *, resumable: bool | None = None, minimum: Any = None
) -> Any:
    """Declares a field of a `RunConfig`: its default and what `--help` says of it.

    A field declared again in a subclass keeps what is not given here from the class
    above, so `num_updates: int = flag(500, "...")` stays resumable and positive.

    Args:
      default: the value without the flag.
      help: one line for `--help`, with the unit and the range.
      resumable: whether a resumed run may change it; false if no class says so.
      minimum: the least value allowed, for every element if the field is a tuple.

    Returns:
      A `dataclasses.field`.
    """
    given = {"help": help, "resumable": resumable, "minimum": minimum}
    metadata = {name: value for name, value in given.items() if value is not None}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """What every experiment's `Config` has.

    Fields are bool, int, float, str, `Path`, `Literal`, tuples of one of them, or
    optional.

    Raises:
      ValueError: if a value is below its flag's `minimum`.
    """

    seed: int = flag(0, "seed of all randomness")
    run_dir: Path | None = flag(
        None, "directory of the run; by default a new one under runs/"
    )

    def settled(self) -> "RunConfig":
        """Settles what was left to the machine, before JAX starts; for `main`.

        Returns:
          The configuration to run and to record.
        """
        return self

    def __post_init__(self):
        for field in dataclasses.fields(self):
            minimum = metadata(type(self), field.name).get("minimum")
            value = getattr(self, field.name)
            if minimum is None or value is None:
                continue
            elements = value if isinstance(value, tuple) else (value,)
            if not all(element >= minimum for element in elements):
                raise ValueError(
                    f"{field.name} must be at least {minimum}, got {value}."
                )


@dataclasses.dataclass(frozen=True)
class TrainingConfig(RunConfig):
    """What the `Config` of an experiment that trains has, for `fit`."""

    num_updates: int = flag(
        1000, "updates of the parameters in all", resumable=True, minimum=1
    )
    eval_every: int = flag(100, "updates between two evaluations", minimum=1)
    checkpoint_every: int = flag(
        100, "updates between two checkpoints", resumable=True, minimum=1
    )
    data_dir: Path | None = flag(
        None,
        "directory of the data sets; by default $RNNJAX_DATA_DIR or the user's cache",
        resumable=True,
    )


def metadata(config: type[RunConfig], name: str) -> Mapping[str, Any]:
    """Collects what `flag` said of a field here and in the classes above.

    Args:
      config: a configuration class.
      name: one of its fields.

    Returns:
      `help`, `resumable` and `minimum`, as far as a class gives them.
    """
    merged: dict[str, Any] = {}
    for base in reversed(config.__mro__):
        declared = base.__dict__.get("__dataclass_fields__", {})
        if name in declared:
            merged.update(declared[name].metadata)
    return merged


def to_json(config: RunConfig) -> dict[str, Any]:
    """Turns a configuration into what `config.json` holds.

    The run directory is left out: it says where a run is, not what it is.
    """
    values = dataclasses.asdict(config)
    del values["run_dir"]
    return {name: _encode(value) for name, value in values.items()}


def read_config(config: type[RunConfig], path: Path) -> dict[str, Any]:
    """Reads a `config.json` as values of a configuration's fields.

    Args:
      config: the configuration class that the file is for.
      path: the file.

    Returns:
      The values by the names of their fields.

    Raises:
      ValueError: if there is no such file, it is not a JSON object, it has a key that
        is no field, or a value of the wrong type.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist.") from None
    except ValueError as error:
        raise ValueError(f"{path} must be JSON, but: {error}.") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a JSON object, got {content!r}.")
    fields = typing.get_type_hints(config)
    unknown = sorted(content.keys() - fields.keys())
    if unknown:
        raise ValueError(f"{path} has unknown keys: {', '.join(unknown)}.")
    values = {}
    for name, value in content.items():
        try:
            values[name] = _decode(fields[name], value)
        except TypeError:
            raise ValueError(
                f"{name} in {path} must be {_describe(fields[name])}, got {value!r}."
            ) from None
    return values


def _encode(value: Any) -> Any:
    """Turns a field's value into JSON, which knows no infinity."""
    if isinstance(value, tuple):
        return [_encode(element) for element in value]
    if isinstance(value, Path) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        return str(value)
    return value


def _decode(kind: Any, value: Any) -> Any:
    """Turns a JSON value into a field's type, or raises TypeError."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        for argument in arguments:
            try:
                return _decode(argument, value)
            except TypeError:
                continue
    elif origin is Literal:
        if value in arguments:
            return value
    elif origin is tuple:
        if isinstance(value, list):
            kinds = arguments
            if arguments[-1] is Ellipsis:
                kinds = arguments[:1] * len(value)
            if len(kinds) == len(value):
                return tuple(map(_decode, kinds, value))
    elif kind is Path:
        if isinstance(value, str):
            return Path(value)
    elif kind is float and (type(value) is int or value in ("inf", "-inf", "nan")):
        return float(value)
    elif type(value) is kind:
        return value
    raise TypeError


def _describe(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind)


def differences(ours: RunConfig, asked: RunConfig) -> list[str]:
    """Lists the fields in which a resumed run must not differ, but does.

    Args:
      ours: the configuration of the run.
      asked: the one it is resumed with.

    Returns:
      Lines such as `hidden_size: 128 in the run, 64 asked for`.
    """
    return [
        f"{field.name}: {mine} in the run, {theirs} asked for"
        for field in dataclasses.fields(ours)
        if (mine := getattr(ours, field.name)) != (theirs := getattr(asked, field.name))
        and not metadata(type(ours), field.name).get("resumable")
    ]
