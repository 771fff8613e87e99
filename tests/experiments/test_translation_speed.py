"""The rate of translation, of a tiny run."""

import pytest

from experiments import translation_speed
from experiments.harness.command import BAD_INPUT, DONE
from experiments.translation import __main__ as translation
from experiments.translation.made import made_names
from tests.experiments.running import results_of, run


def test_a_translator_is_needed(tmp_path, capsys):
    flags = f"--run-dir {tmp_path / 'run'}"
    assert run(translation_speed, flags, "measure") == BAD_INPUT
    assert "translator must be given" in capsys.readouterr().err


@pytest.mark.slow
def test_the_test_part_is_translated_in_turns(tmp_path, capsys):
    path, translator = tmp_path / "pairs.tsv", tmp_path / "translator"
    pairs = [pair for part in made_names(0, (60, 10, 12)) for pair in part]
    path.write_text("\n".join(f"{pair.source}\t{pair.targets[0]}" for pair in pairs))
    flags = f"--data-path {path} --hidden-size 5 --embedding-size 4 --batch-size 32"
    flags += f" --num-updates 1 --eval-every 1 --run-dir {translator}"
    assert run(translation, flags) == DONE
    flags = f"--translator {translator} --num-turns 2 --num-sentences 3 --beam-size 2"
    assert run(
        translation_speed, f"{flags} --run-dir {tmp_path / 'run'}", "measure"
    ) == (DONE)
    rate = results_of(tmp_path / "run")["metrics"]["rate"]
    printed = capsys.readouterr().out
    assert rate > 0 and "3 sentences, beam 2" in printed
