"""Plain lines where there is no terminal, a bar where there is one."""

import io
import re
import sys

from experiments.harness import progress as module
from experiments.harness.progress import Progress


class Clock:
    """A clock that the test sets."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)


def test_plain_lines_come_every_ten_seconds_and_at_evaluations(capsys, monkeypatch):
    clock = Clock(monkeypatch)
    with Progress(101, 0, 2000, "characters") as progress:
        for update in range(1, 102):
            clock.now += 0.5 if update > 1 else 30  # the first one compiles
            progress.advance(update, 5.0 / update)
    Progress(50, 0, 10, "words").evaluated(20, {"loss": 1.23456, "perplexity": 3.5})
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "update 1/101  loss 5.0000  -:--:-- left",
        "update 21/101  loss 0.2381  4.0k characters/s  0:00:40 left",
        "update 41/101  loss 0.1220  4.0k characters/s  0:00:30 left",
        "update 61/101  loss 0.0820  4.0k characters/s  0:00:20 left",
        "update 81/101  loss 0.0617  4.0k characters/s  0:00:10 left",
        "update 101/101  loss 0.0495  4.0k characters/s  0:00:00 left",
        "update 20/50  loss 1.2346  perplexity 3.5000",
    ]


def test_rate_and_time_left_count_what_is_between_updates(capsys, monkeypatch):
    clock = Clock(monkeypatch)
    progress = Progress(300, 90, 1000, "words")
    progress.advance(91, 1.0)
    for update in range(92, 102):
        clock.now += 20  # an update and an evaluation
        progress.advance(update, 1.0)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "update 101/300  loss 1.0000  50.0 words/s  1:06:20 left"


def test_a_terminal_has_a_bar(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "80")
    with Progress(40, 0, 1000, "characters") as progress:
        for update in range(1, 41):
            progress.advance(update, 2.0)
            if update == 20:
                print("a [sample] of text")
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    assert "━" in text
    assert "a [sample] of text\n" in text
    assert re.search(r"━+ +40/40 loss 2\.0000  \S+ characters/s +0:00:00", text)


def test_without_a_terminal_a_run_prints_plain_lines(run_toy, tmp_path):
    outcome = run_toy("--run-dir", tmp_path / "run", "--num-updates", 12)
    lines = outcome.out.splitlines()
    assert lines[0] == "compiling the first update ..."
    assert re.fullmatch(r"compiled and done in \d+\.\d s", lines[1])
    assert re.fullmatch(r"update 10/12  validation_loss \d\.\d{4}", lines[2])
    end = r"update 12/12  loss \d\.\d{4}  \S+ steps/s  0:00:00 left"
    assert re.fullmatch(end, lines[3])
    assert lines[5:] == [f"done: {tmp_path / 'run'}"]
    assert "\x1b" not in outcome.out
