"""`python -m experiments` lists what there is."""

import importlib
import runpy
from pathlib import Path

import experiments
from experiments.__main__ import describe_experiments

HERE = Path(experiments.__file__).parent


def test_files_and_folders_with_a_command_are_listed(tmp_path):
    (tmp_path / "adding.py").write_text('"""Adds.\n\nMore."""\nraise RuntimeError\n')
    (tmp_path / "__init__.py").write_text('"""No experiment."""\n')
    for name, text in {
        "zoo": '"""Names animals."""\nfrom experiments.harness import Run, main\n',
        "data": '"""Fetches."""\nimport argparse\n',
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__main__.py").write_text(text)
    (tmp_path / "harness").mkdir()
    assert describe_experiments(tmp_path) == [
        ("python -m experiments.adding", "Adds."),
        ("python -m experiments.zoo", "Names animals."),
    ]


def test_all_experiments_have_a_summary_and_a_main_and_are_printed(capsys):
    runpy.run_path(str(HERE / "__main__.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert describe_experiments(HERE)
    for command, summary in describe_experiments(HERE):
        name = command.removeprefix("python -m ")
        if (HERE / name.partition(".")[2] / "__main__.py").is_file():
            name += ".__main__"
        module = importlib.import_module(name)
        assert summary == (module.__doc__ or "").splitlines()[0]
        assert summary.endswith(".")
        assert callable(module.main)
        assert f"{command}\n    {summary}\n" in printed
