"""The doctor: looks for trouble in a training before it begins, or after it failed.

  python -m experiments.doctor tagging
  python -m experiments.doctor char_lm --data-path my.txt --learning-rate 0.1
  python -m experiments.doctor tagging --preset slots --data-dir DATA
  python -m experiments.doctor runs/char_lm/RUN

Behind the name of an experiment come its own flags; `python -m experiments.doctor
char_lm --help` lists them. The doctor makes the batches, the network and the optimizer
of that training, looks at the data and at an epoch of batches, inside the network, and
at a few updates at seven learning rates. It writes no run. Given the directory of a
run, it reads its metrics too, and repeats the updates in which it diverged.

The exit status is 0 if nothing serious was found (a warning is not), 1 if something
was, 2 for a wrong flag or bad input, 3 for missing data.
"""

import contextlib
import importlib
import importlib.util
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from experiments.doctor.batches import check_batches, read_epoch
from experiments.doctor.data import check_data
from experiments.doctor.finding import Finding, describe
from experiments.doctor.rates import check_rates
from experiments.doctor.runs import check_divergence, check_metrics
from experiments.doctor.trial import Trial
from experiments.doctor.units import check_units
from experiments.harness import BadInput, MissingData, TrainingConfig
from experiments.harness.arguments import parse
from experiments.harness.config import read_config
from experiments.harness.console import print_text, replace_unencodable
from experiments.harness.results import read_results
from experiments.shared.inspection import Inspection, inspection_of
from experiments.shared.trained import experiment_of

HEALTHY, SERIOUS, BAD_INPUT, NO_DATA = range(4)


class Case(NamedTuple):
    """What is to be examined.

    Attributes:
      name: the experiment.
      module: its file.
      config: the configuration.
      directory: the run directory, None before a training.
    """

    name: str
    module: ModuleType
    config: Any
    directory: Path | None


def examine(case: Case, say: Callable[[str], None] = print_text) -> list[Finding]:
    """Examines a training, and prints what it finds.

    Args:
      case: the training.
      say: prints a text.

    Returns:
      All findings.
    """
    found: list[Finding] = []

    def report(title: str, findings: Iterable[Finding]) -> None:
        start = time.monotonic()
        new = list(findings)
        found.extend(new)
        seconds = f"({time.monotonic() - start:.0f} s)"
        names = ", ".join({finding.name: None for finding in new}) or "no trouble"
        say(f"{title}: {names} {seconds}")

    say(f"{case.name}{_given(case.config)}")
    if case.directory is not None:
        report("metrics of the run", check_metrics(case.directory, case.config))
    for name, inspection in _inspections(case).items():
        prefix = f"{name}: " if name else ""
        if inspection.parts:
            report(f"{prefix}data", check_data(inspection))
        else:
            say(f"{prefix}data: not checked, as the examples are not known")
        epoch = read_epoch(inspection)
        report(f"{prefix}batches", check_batches(inspection, epoch))
        if case.directory is not None and _has_diverged(case.directory):
            report(
                f"{prefix}divergence",
                check_divergence(case.directory, inspection, case.config.seed),
            )
        trial = Trial(inspection, case.config.seed)
        tried = inspection.params, trial, trial.path(inspection.params)
        report(f"{prefix}network", check_units(*tried))
        report(f"{prefix}rates", check_rates(*tried, case.config))
    unique = {finding.name: finding for finding in reversed(found)}
    found = [*reversed(unique.values())]
    found.sort(key=lambda finding: finding.level != "serious")
    for finding in found:
        say(f"\n{describe(finding, case.config)}")
    serious = sum(finding.level == "serious" for finding in found)
    say(
        f"\n{serious} serious, {len(found) - serious} warnings"
        if found
        else "\nhealthy: nothing found"
    )
    return found


def case_of(arguments: list[str]) -> Case:
    """Reads a command line.

    Args:
      arguments: an experiment and its flags, or a run directory.

    Raises:
      BadInput: if it names neither, or an experiment without `prepare`.
      ValueError: if a flag is wrong.
    """
    first, *flags = arguments
    directory = Path(first)
    if (directory / "config.json").is_file():
        if flags:
            raise BadInput(f"a run takes no flags, got {' '.join(flags)}.", directory)
        module = experiment_of(directory)
        values = read_config(module.Config, directory / "config.json")
        name = (read_results(directory) or {})["experiment"]
        return Case(name, module, module.Config(**values), directory)
    name = first.removeprefix("experiments.")
    module = _experiment(name)
    options, config = parse(
        module.Config,
        getattr(module, "PRESETS", {}),
        False,
        flags,
        f"python -m experiments.doctor {name}",
        module.__doc__ or "",
    )
    return Case(f"experiments.{name}", module, config, options.resume)


def run(arguments: list[str]) -> int:
    """Does what the command line says, and returns the exit status."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print_text(__doc__)
        return HEALTHY if arguments else BAD_INPUT
    try:
        found = examine(case_of(arguments))
    except MissingData as error:
        return _complain(error, NO_DATA)
    except (ValueError, OSError) as error:
        return _complain(error, BAD_INPUT)
    is_serious = any(finding.level == "serious" for finding in found)
    return SERIOUS if is_serious else HEALTHY


def _experiment(name: str) -> ModuleType:
    """Imports the file of an experiment."""
    with contextlib.suppress(ModuleNotFoundError, ValueError):
        for full in (f"experiments.{name}.__main__", f"experiments.{name}"):
            with contextlib.suppress(ModuleNotFoundError):
                if importlib.util.find_spec(full) is None:
                    continue
                module = importlib.import_module(full)
                if hasattr(module, "prepare") and hasattr(module, "Config"):
                    return module
    raise BadInput(
        f"{name!r} is neither an experiment that trains nor the directory of a run; "
        "`python -m experiments` lists the experiments."
    )


def _inspections(case: Case) -> dict[str, Inspection]:
    """Prepares the training, by the experiment's own `inspection.py` if it has one."""
    package = case.name.removesuffix(".__main__")
    try:
        own = importlib.import_module(f"{package}.inspection")
    except ModuleNotFoundError:
        return {"": inspection_of(case.module.prepare(case.config))}
    made = own.inspect(case.config)
    return made if isinstance(made, dict) else {"": made}


def _has_diverged(directory: Path) -> bool:
    return (read_results(directory) or {}).get("status") == "diverged"


def _given(config: TrainingConfig) -> str:
    """Lists the flags that differ from the defaults."""
    default = type(config)()
    names = config.__dataclass_fields__
    given = ""
    for name in names:
        value = getattr(config, name)
        if value != getattr(default, name):
            words = map(str, value if isinstance(value, tuple) else (value,))
            given += f" --{name.replace('_', '-')} {' '.join(words)}"
    return given


def _complain(error: object, status: int) -> int:
    sys.stdout.flush()
    print_text(f"error: {error}", sys.stderr)
    return status


if __name__ == "__main__":
    replace_unencodable()
    sys.exit(run(sys.argv[1:]))
