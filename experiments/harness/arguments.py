"""From the command line to a configuration.

`--preset` overrides the defaults, the file of `--config` overrides the preset, and
flags override the file. With `--resume DIR` the configuration of the run in DIR takes
the place of the defaults, and only resumable fields may differ from it.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from experiments.harness.config import RunConfig, differences, flag, read_config
from experiments.harness.results import read_results
from experiments.harness.uses import Use, flag_of, options_of


def parse(
    config: type[RunConfig],
    presets: Mapping[str, RunConfig],
    can_sample: bool,
    arguments: list[str],
    command: str,
    docstring: str,
    uses: Sequence[Use] = (),
) -> tuple[Any, RunConfig]:
    """Parses a command line; `--help` and wrong flags exit, as with argparse.

    Args:
      config: the experiment's configuration class.
      presets: configurations by name.
      can_sample: whether there is `--sample`.
      arguments: the command line after the command.
      command: how the experiment is called: `python -m experiments.<name>`.
      docstring: the experiment's.
      uses: what else a run can be used for; here they are only named by `--help`.

    Returns:
      The options that are not part of the configuration (`preset`, `config`, `resume`
      and `sample`, None where not given), and the configuration.

    Raises:
      ValueError: if `--sample` comes without `--resume` or is not positive, a
        configuration file is wrong, or a run is resumed with another configuration.
    """
    options_type = _options_type(presets, can_sample, uses)
    # The options decide on the defaults of the flags, so they are parsed first alone,
    # then together with the flags.
    options, _ = tyro.cli(
        options_type,
        prog=command,
        args=arguments,
        add_help=False,
        return_unknown_args=True,
    )
    if options.sample is not None and options.resume is None:
        raise ValueError("--sample needs --resume DIR, the run to sample from.")
    if options.sample is not None and options.sample < 1:
        raise ValueError(f"--sample must be at least 1, got {options.sample}.")
    ours = None if options.resume is None else _config_of(config, options.resume)
    overrides = _overrides(config, presets, options)
    both = dataclasses.make_dataclass(
        "Command", [("run", options_type), ("experiment", config)], frozen=True
    )
    parsed = tyro.cli(
        both,
        prog=command,
        description=_description(command, presets, can_sample, docstring, uses),
        args=arguments,
        default=both(options, dataclasses.replace(ours or config(), **overrides)),
        config=(tyro.conf.OmitArgPrefixes,),
    )
    if ours is not None and (unlike := differences(ours, parsed.experiment)):
        raise ValueError(
            f"{options.resume} has another configuration:\n  " + "\n  ".join(unlike)
        )
    return parsed.run, parsed.experiment


def _options_type(presets, can_sample, uses) -> type:
    """Makes the dataclass of the options that every experiment has."""
    preset_names: Any = Literal[tuple(presets)]
    absent = Annotated[None, tyro.conf.Suppress]
    options = {
        "preset": (
            preset_names | None if presets else absent,
            "start from the configuration of this name",
        ),
        "config": (Path | None, "start from a run's config.json, to repeat that run"),
        "resume": (Path | None, "continue the run in this directory"),
        "sample": (
            int | None if can_sample else absent,
            "with --resume: instead of training, sample this many steps",
        ),
    }
    switches = options_of(uses)
    fields = [
        (name, kind, flag(False if name in switches else None, text))
        for name, (kind, text) in (options | switches).items()
    ]
    return dataclasses.make_dataclass("Options", fields, frozen=True)


def _overrides(config, presets, options) -> dict[str, Any]:
    """Collects the values of the preset and of the configuration file."""
    overrides = {}
    if options.preset is not None:
        default, preset = config(), presets[options.preset]
        for field in dataclasses.fields(config):
            value = getattr(preset, field.name)
            if value != getattr(default, field.name):
                overrides[field.name] = value
    if options.config is not None:
        overrides |= read_config(config, options.config)
    return overrides


def _config_of(config, directory: Path) -> RunConfig:
    """Reads the configuration of the run in a directory."""
    path = directory / "config.json"
    if not path.is_file():
        raise ValueError(f"{directory} holds no run: {path} does not exist.")
    read_results(directory)  # refuses a run of another format
    return config(**read_config(config, path) | {"run_dir": directory})


def _description(command, presets, can_sample, docstring, uses) -> str:
    """Writes the head of `--help`: examples first, then the experiment's docstring.

    The examples are those of the docstring, if it has any.
    """
    lines = docstring.strip().splitlines()
    examples = [line.strip() for line in lines if line.strip().startswith(command)]
    text = [line for line in lines if line.strip() not in examples]
    if not examples:
        examples.append(command)
        if presets:
            examples.append(f"{command} --preset {next(iter(presets))} --seed 1")
        examples.append(f"{command} --resume RUN")
        if can_sample:
            examples.append(f"{command} --resume RUN --sample 500")
        examples += [f"{command} --resume RUN {flag_of(use)}" for use in uses]
    return "\n".join(["Examples:", *(f"  {line}" for line in examples), "", *text])
