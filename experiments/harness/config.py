"""Configurations: frozen dataclasses that declare an experiment's flags."""

import dataclasses
import json
import math
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cattrs


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
    keep_memory: bool = flag(
        True,
        "keep freed memory for the next update (glibc only; faster on the CPU)",
        resumable=True,
    )

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
    """What the `Config` of every experiment that trains has, for `fit`."""

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
    init_from: Path | None = flag(
        None, "run whose last parameters are the initial ones; all else starts anew"
    )


def check_needs(config: RunConfig, needs: Mapping[str, str]) -> None:
    """Checks that flags come with those that they are of no use without.

    Args:
      config: the configuration, in its `__post_init__`.
      needs: the field that each field needs, by their names.

    Raises:
      ValueError: if a field is given and the one that it needs is None.
    """
    for name, needed in needs.items():
        if getattr(config, name) is not None and getattr(config, needed) is None:
            raise ValueError(f"{name} needs {needed}.")


def metadata(config: type[RunConfig], name: str) -> Mapping[str, Any]:
    """Collects what `flag` declares of a field, in a class and those above it.

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
    """Turns a configuration into the content of `config.json`.

    The run directory is left out: it says where a run is, not what it is.
    """
    values = CONVERTER.unstructure(config)
    del values["run_dir"]
    return values


def read_config(config: type[RunConfig], path: Path) -> dict[str, Any]:
    """Reads a `config.json` as values of a configuration's fields.

    Args:
      config: the configuration class that the file is for.
      path: the file.

    Returns:
      The values by the names of their fields.

    Raises:
      ValueError: if there is no such file, it is not a JSON object, it has a key that
        is no field, or a value has the wrong type.
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
        kind = fields[name]
        try:
            values[name] = CONVERTER.structure(value, kind)
        except Exception:  # cattrs raises many kinds
            wanted = kind.__name__ if isinstance(kind, type) else kind
            raise ValueError(
                f"{name} in {path} must be {wanted}, got {value!r}."
            ) from None
    return values


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


def _make_converter() -> cattrs.Converter:
    """Makes the converter between configurations and JSON.

    It converts no type into another one, except an integer where a float is asked for,
    and writes infinities and NaN, which JSON does not know, as strings.
    """
    converter = cattrs.Converter(unstruct_collection_overrides={tuple: list})
    for kind in (bool, int, str):
        converter.register_structure_hook(kind, _as_is)
    converter.register_structure_hook(float, _to_float)
    converter.register_structure_hook(Path, lambda value, _: Path(_as_is(value, str)))
    converter.register_structure_hook_factory(
        lambda kind: typing.get_origin(kind) is tuple,
        lambda kind: _from_list(converter.get_structure_hook, kind),
    )
    converter.register_unstructure_hook(Path, str)
    converter.register_unstructure_hook(
        float, lambda value: value if math.isfinite(value) else str(value)
    )
    return converter


def _as_is(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value


def _to_float(value: Any, _: type) -> float:
    if type(value) not in (int, float) and value not in ("inf", "-inf", "nan"):
        raise TypeError
    return float(value)


def _from_list(hook_of: Any, kind: Any) -> Any:
    """Makes the hook for a tuple, which takes nothing but a list."""
    kinds = typing.get_args(kind)

    def structure(value, _):
        if type(value) is not list:
            raise TypeError
        of_each = kinds[:1] * len(value) if kinds[-1] is Ellipsis else kinds
        pairs = zip(value, of_each, strict=True)
        return tuple(hook_of(element)(item, element) for item, element in pairs)

    return structure


CONVERTER = _make_converter()
