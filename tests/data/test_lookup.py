import functools
import gzip
import hashlib
import http.server
import threading

import pytest

from experiments.data import __main__ as command_line
from experiments.data import lookup, registry
from experiments.harness import BadInput

CONTENT = b"To be, or not to be\n" * 3
SECOND = b"that is the question\n"


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The three places to look in, all of them empty."""
    monkeypatch.setenv(lookup.DATA_DIR_VARIABLE, str(tmp_path / "variable"))
    monkeypatch.setattr(lookup.pooch, "os_cache", lambda name: tmp_path / name)
    return tmp_path / "argument", tmp_path / "variable", tmp_path / "rnnjax"


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A data set `hamlet` on a server of this machine, and the server's directory."""
    directory = tmp_path / "served"
    directory.mkdir()
    (directory / "one.txt").write_bytes(CONTENT)
    (directory / "two.txt.gz").write_bytes(gzip.compress(SECOND))
    handler = functools.partial(_Quiet, directory=str(directory))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    base = f"http://127.0.0.1:{server.server_port}/"
    files = (
        _file("one.txt", CONTENT, base + "one.txt"),
        _file("two.txt", SECOND, base + "two.txt.gz"),
    )
    hamlet = registry.Dataset("hamlet", "a question", "public domain", files)
    monkeypatch.setitem(registry.DATASETS, "hamlet", hamlet)
    yield directory
    server.shutdown()
    thread.join()
    server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


def _file(name, content, url):
    digest = hashlib.sha256(content).hexdigest()
    return registry.DataFile(name, url, len(content), digest)


def _put(place, name, content):
    path = place / "hamlet" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_places_are_searched_in_order(served, places):
    argument, variable, cache = places
    _put(cache, "one.txt", CONTENT)
    second = _put(cache, "two.txt.gz", gzip.compress(SECOND))
    in_cache = cache / "hamlet" / "one.txt"
    assert lookup.find("hamlet") == {"one.txt": in_cache, "two.txt": second}
    by_variable = _put(variable, "one.txt.gz", gzip.compress(CONTENT))
    assert lookup.find("hamlet")["one.txt"] == by_variable
    by_argument = _put(argument, "one.txt", CONTENT)
    assert lookup.find("hamlet", argument)["one.txt"] == by_argument
    assert lookup.read_bytes(second) == SECOND


def test_missing_data_says_everything(served, places):
    argument, variable, cache = places
    _put(cache, "one.txt", CONTENT)
    with pytest.raises(lookup.MissingData) as caught:
        lookup.find("hamlet", argument)
    message = str(caught.value)
    digest = hashlib.sha256(SECOND).hexdigest()
    assert f"two.txt, {len(SECOND)} bytes, SHA-256 {digest}" in message
    assert "one.txt" not in message
    for place in (argument, variable, cache):
        assert f"{place / 'hamlet'}\n" in message
    assert "public domain" in message
    command = f"python -m experiments.data fetch hamlet --data-dir {argument}"
    assert message.endswith(command)


def test_missing_data_without_any_directory(places, monkeypatch):
    monkeypatch.delenv(lookup.DATA_DIR_VARIABLE)
    with pytest.raises(lookup.MissingData, match="RNNJAX_DATA_DIR is not set") as error:
        lookup.find("tinyshakespeare")
    message = str(error.value)
    assert message.endswith("python -m experiments.data fetch tinyshakespeare")
    assert "1,115,394 bytes" in message and "1.1 MB; text in the public dom" in message
    assert str(places[0]) not in message and str(places[1]) not in message


def test_looking_downloads_nothing(served, places, monkeypatch):
    monkeypatch.setattr(lookup.pooch, "retrieve", None)
    with pytest.raises(lookup.MissingData):
        lookup.find("hamlet", places[0])
    assert not any(place.exists() for place in places)


def test_wrong_digest_names_both(served, places):
    path = _put(places[0], "one.txt", CONTENT + b"!")
    with pytest.raises(BadInput) as caught:
        lookup.find("hamlet", places[0])
    assert str(path) in str(caught.value)
    assert hashlib.sha256(CONTENT).hexdigest() in str(caught.value)
    assert hashlib.sha256(CONTENT + b"!").hexdigest() in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: packed[:-9],
        lambda packed: packed[5:],
        lambda packed: packed[:10] + b"\xff" + packed[11:],
        lambda packed: b"",
    ],
)
def test_damaged_packed_file(served, places, damage):
    path = _put(places[0], "one.txt.gz", damage(gzip.compress(CONTENT)))
    with pytest.raises(BadInput, match=str(path)):
        lookup.find("hamlet", places[0])


def test_unknown_name():
    with pytest.raises(ValueError, match=r"ptb, tinyshakespeare.*got 'shakespeare'"):
        lookup.find("shakespeare")


def test_fetch_puts_unpacked_files_where_find_looks(served, places):
    fetched = lookup.fetch("hamlet", places[0])
    assert fetched == lookup.find("hamlet", places[0])
    assert fetched["one.txt"].read_bytes() == CONTENT
    assert fetched["two.txt"].read_bytes() == SECOND
    for path in served.iterdir():
        path.unlink()
    assert lookup.fetch("hamlet", places[0]) == fetched  # what is there is kept
    lookup_cache = places[2] / "hamlet"
    assert not lookup_cache.exists()


def test_fetch_replaces_a_damaged_file(served, places):
    path = _put(places[2], "one.txt", CONTENT[:-1])
    assert lookup.fetch("hamlet")["one.txt"] == path
    assert path.read_bytes() == CONTENT


def test_fetch_refuses_other_content(served, places, capsys):
    (served / "one.txt").write_bytes(b"something else")
    status = command_line.main(["fetch", "hamlet", "--data-dir", str(places[0])])
    assert status == 1
    message = capsys.readouterr().err
    assert "hamlet could not be fetched" in message
    assert hashlib.sha256(CONTENT).hexdigest() in message
    assert hashlib.sha256(b"something else").hexdigest() in message
    assert not list((places[0] / "hamlet").iterdir())


def test_fetch_command_prints_the_licence_and_the_paths(served, places, capsys):
    assert command_line.main(["fetch", "hamlet", "--data-dir", str(places[0])]) == 0
    printed = capsys.readouterr().out
    assert "public domain" in printed
    assert str(places[0] / "hamlet" / "two.txt") in printed


def test_without_a_command_the_data_sets_are_listed(capsys):
    assert command_line.main([]) == 0
    printed = capsys.readouterr().out
    for entry in registry.DATASETS.values():
        assert entry.name in printed and entry.licence in printed
        assert all(file.sha256 in printed for file in entry.files)


def test_entries_are_pinned():
    for name, entry in registry.DATASETS.items():
        assert entry.name == name and entry.files
        for file in entry.files:
            assert len(bytes.fromhex(file.sha256)) == 32
            assert file.url.startswith("https://")
            if "github" in file.url:  # a branch would move
                assert len(bytes.fromhex(file.url.split("/")[5])) == 20
