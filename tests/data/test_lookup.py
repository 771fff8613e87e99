import functools
import gzip
import hashlib
import http.server
import tarfile
import threading
import zipfile

import numpy as np
import pytest

from experiments.data import __main__ as command_line
from experiments.data import archives, lookup, registry
from experiments.harness import BadInput, MissingData
from tests.data.mutations import mutations

CONTENT = b"To be, or not to be\n" * 3
SECOND = b"that is the question\n"


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The three places that are searched, all empty."""
    monkeypatch.setenv(lookup.DATA_DIR_VARIABLE, str(tmp_path / "variable"))
    monkeypatch.setattr(lookup.pooch, "os_cache", lambda name: tmp_path / name)
    return tmp_path / "argument", tmp_path / "variable", tmp_path / "rnnjax"


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Serves a data set `hamlet` on this machine; the directory that is served."""
    directory = tmp_path / "served"
    directory.mkdir()
    (directory / "one.txt").write_bytes(CONTENT)
    (directory / "two.txt.gz").write_bytes(gzip.compress(SECOND))
    handler = functools.partial(_Quiet, directory=str(directory))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        base = f"http://127.0.0.1:{server.server_port}/"
        one = _file("one.txt", CONTENT, base + "one.txt")
        two = _file("two.txt", SECOND, base + "two.txt.gz")
        hamlet = registry.Dataset("hamlet", "a question", "public domain", (one, two))
        monkeypatch.setitem(registry.DATASETS, "hamlet", hamlet)
        yield directory
        server.shutdown()
        thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


def _digest(content):
    return hashlib.sha256(content).hexdigest()


def _file(name, content, url):
    return registry.DataFile(name, url, len(content), _digest(content))


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


def test_missing_data_says_everything_and_downloads_nothing(
    served, places, monkeypatch
):
    monkeypatch.setattr(lookup.pooch, "retrieve", None)
    argument, variable, cache = places
    with pytest.raises(MissingData):
        lookup.find("hamlet", argument)
    assert not any(place.exists() for place in places)
    _put(cache, "one.txt", CONTENT)
    with pytest.raises(MissingData) as caught:
        lookup.find("hamlet", argument)
    searched = "".join(f"  {place}/hamlet\n" for place in (argument, variable, cache))
    assert str(caught.value) == (
        "These files of the data set hamlet are missing:\n"
        f"  two.txt, {len(SECOND)} bytes, SHA-256 {_digest(SECOND)}\n"
        f"These directories were searched (RNNJAX_DATA_DIR is {variable}):\n{searched}"
        "To download it (0.0 MB; public domain), run:\n"
        f"  python -m experiments.data fetch hamlet --data-dir {argument}"
    )


def test_an_unknown_name_and_missing_data_without_any_directory(places, monkeypatch):
    with pytest.raises(ValueError, match=r"ptb, scan.*snips.*got 'shakespeare'"):
        lookup.find("shakespeare")
    monkeypatch.delenv(lookup.DATA_DIR_VARIABLE)
    with pytest.raises(MissingData, match="RNNJAX_DATA_DIR is not set") as error:
        lookup.find("tinyshakespeare")
    message = str(error.value)
    assert message.endswith("python -m experiments.data fetch tinyshakespeare")
    assert "1,115,394 bytes" in message and "1.1 MB; text in the public dom" in message
    assert str(places[0]) not in message and str(places[1]) not in message


def test_a_wrong_digest_names_both_and_damaged_packed_files_are_seen(served, places):
    def message_of(name, content):
        path = _put(places[0], name, content)
        with pytest.raises(BadInput, match=str(path)) as caught:
            lookup.find("hamlet", places[0])
        path.unlink()
        return str(caught.value)

    message = message_of("one.txt", CONTENT + b"!")
    assert _digest(CONTENT) in message and _digest(CONTENT + b"!") in message
    packed = gzip.compress(CONTENT)
    for bad in (packed[:-9], packed[5:], packed[:10] + b"\xff" + packed[11:], b""):
        message_of("one.txt.gz", bad)


@pytest.mark.parametrize(
    "also",
    [
        "packs/all.txt",
        "packs/all.zip/parts/one.txt",
        "packs/all.tar.xz/parts/one.txt",
    ],
)
def test_a_file_may_also_lie_elsewhere(places, monkeypatch, also):
    file = registry.DataFile("one.txt", None, len(CONTENT), _digest(CONTENT), also)
    ghost = registry.Dataset("ghost", "an answer", "public domain", (file,))
    monkeypatch.setitem(registry.DATASETS, "ghost", ghost)
    with pytest.raises(MissingData, match="It has no public address .*public domain"):
        lookup.find("ghost", places[0])
    with pytest.raises(ValueError, match=r"no public address; put it at .*one\.txt"):
        lookup.fetch("ghost", places[0])
    directory = places[1] / "packs"
    directory.mkdir(parents=True)
    (directory / "all.txt.gz").write_bytes(gzip.compress(CONTENT))
    with zipfile.ZipFile(directory / "all.zip", "w") as archive:
        archive.writestr("parts/one.txt", CONTENT)
    (directory / "one.txt").write_bytes(CONTENT)
    with tarfile.open(directory / "all.tar.xz", "w:xz") as archive:
        archive.add(directory / "one.txt", "parts/one.txt")
    assert lookup.read_bytes(lookup.find("ghost", places[0])["one.txt"]) == CONTENT


@pytest.mark.parametrize("kind", ["w:xz", "w:gz", "w"])
def test_files_in_a_tar_are_paths(tmp_path, kind):
    inside, archive = tmp_path / "in.txt", tmp_path / "all.tar"
    inside.write_bytes(CONTENT)
    with tarfile.open(archive, kind) as packed:
        packed.add(inside, "parts/one.txt")
    path = archives.TarPath(archive, "parts/one.txt")
    assert path.is_file() and lookup.read_bytes(path) == CONTENT
    assert (path.name, path.suffix, str(path)) == (
        "one.txt",
        ".txt",
        f"{archive}/parts/one.txt",
    )
    missing = archives.TarPath(archive, "parts")
    assert not missing.is_file()
    with pytest.raises(FileNotFoundError, match="no such file"):
        missing.read_bytes()
    assert not archives.TarPath(tmp_path / "none.tar", "a").is_file()


def test_damaged_tar_files_are_bad_input(tmp_path):
    inside, archive = tmp_path / "in.txt", tmp_path / "all.tar.xz"
    inside.write_bytes(CONTENT)
    with tarfile.open(archive, "w:xz") as packed:
        packed.add(inside, "one.txt")
    content = archive.read_bytes()
    num_bad = 0
    for i, damaged in enumerate(mutations(content, np.random.default_rng(6), 60)):
        path = tmp_path / f"{i}.tar.xz"
        path.write_bytes(damaged)
        try:
            found = archives.TarPath(path, "one.txt").is_file()
        except BadInput as error:
            num_bad += 1
            assert "the archive cannot be read" in str(error)
        else:
            assert isinstance(found, bool)
    assert num_bad > 30


def test_fetch_puts_unpacked_files_where_find_looks(served, places, capsys):
    path = _put(places[0], "one.txt", CONTENT[:-1])  # damaged
    assert command_line.main(["fetch", "hamlet", "--data-dir", str(places[0])]) == 0
    printed = capsys.readouterr().out
    assert "public domain" in printed
    assert str(places[0] / "hamlet" / "two.txt") in printed
    fetched = lookup.find("hamlet", places[0])
    assert fetched["one.txt"] == path and path.read_bytes() == CONTENT
    assert fetched["two.txt"].read_bytes() == SECOND
    assert not (places[2] / "hamlet").exists()
    in_cache = lookup.fetch("hamlet")["two.txt"]  # where it is put by default
    assert in_cache == places[2] / "hamlet" / "two.txt"
    for path in served.iterdir():
        path.unlink()
    assert lookup.fetch("hamlet", places[0]) == fetched  # what is there is kept


def test_fetch_refuses_other_content(served, places, capsys):
    (served / "one.txt").write_bytes(b"something else")
    assert command_line.main(["fetch", "hamlet", "--data-dir", str(places[0])]) == 1
    message = capsys.readouterr().err
    digests = _digest(CONTENT), _digest(b"something else")
    for part in ("hamlet could not be fetched", *digests):
        assert part in message
    assert not list((places[0] / "hamlet").iterdir())


def test_without_a_command_the_data_sets_are_listed_and_all_are_pinned(capsys):
    assert command_line.main([]) == 0
    printed = capsys.readouterr().out
    for name, entry in registry.DATASETS.items():
        assert entry.name == name and entry.files
        assert name in printed and entry.licence in printed
        for file in entry.files:
            assert file.sha256 in printed and len(bytes.fromhex(file.sha256)) == 32
            assert file.url is None or file.url.startswith("https://")
            if "github" in (file.url or ""):  # a branch would move
                assert len(bytes.fromhex(file.url.split("/")[5])) == 20
