"""Answers to lines: formats, bad lines, encodings, rounded lengths."""

import io
import json

import pytest

from experiments.harness import BadInput
from experiments.shared import answering
from experiments.shared.answering import Answer, answer


def reply(line):
    if not line.isalpha():
        raise BadInput("a line must hold letters\nonly.")
    return Answer(line.upper(), {"upper": line.upper(), "length": len(line)})


BAD = "a line must hold letters only."


@pytest.mark.parametrize(
    ("lines", "options", "num_bad", "expected"),
    [
        ([b"naive\n", b"b2\r\n", b"end"], {}, 1, f"NAIVE\nerror: line 2: {BAD}\nEND\n"),
        ([b"\xef\xbb\xbf\xc3\xa4"], {"encoding": "utf-8"}, 0, "Ä\n"),
        ([b"\xc3\xa4"], {"encoding": "utf-8"}, 0, "Ä\n"),
        ([b"\xe4"], {"encoding": "latin-1"}, 0, "Ä\n"),
    ],
)
def test_a_bad_line_is_answered_by_its_message_and_the_rest_goes_on(
    lines, options, num_bad, expected
):
    output = io.StringIO()
    assert answer(lines, reply, output, **options) == num_bad
    assert output.getvalue() == expected


def test_answers_as_json_lines():
    output = io.StringIO()
    lines = ["é\r\n".encode(), b"\xff\n"]
    assert answer(lines, reply, output, format="jsonl") == 1
    first, second = map(json.loads, output.getvalue().splitlines())
    assert first == {"line": 1, "upper": "É", "length": 1}
    assert second["line"] == 2 and "can't decode byte 0xff" in second["error"]


def test_every_answer_is_flushed_before_the_next_line_is_read():
    class Pipe(io.StringIO):
        flushed = ""

        def flush(self):
            self.flushed = self.getvalue()

    output = Pipe()

    def lines():
        yield b"one"
        assert output.flushed == "ONE\n"
        yield b"two"

    answer(lines(), reply, output)
    assert output.flushed == "ONE\nTWO\n"


def test_lines_of_a_file_are_answered_on_standard_output(tmp_path, capsys):
    path = tmp_path / "lines.txt"
    path.write_bytes(b"one\ntwo\n")
    flags = answering.AnsweringFlags(input=path)
    assert answering.answer_from(flags, reply) == 0
    assert capsys.readouterr().out == "ONE\nTWO\n"


def test_a_length_is_rounded_up_to_a_power_of_two():
    for length in range(1, 200):
        rounded = answering.round_up(length)
        assert rounded & (rounded - 1) == 0
        assert rounded == 16 or length <= rounded < 2 * length
    assert answering.round_up(3, least=1) == 4
