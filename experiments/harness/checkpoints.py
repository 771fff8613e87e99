"""Checkpoints that are complete, or known to be damaged.

Orbax writes the arrays, but restores a flipped bit as a silently wrong weight. So a
checkpoint is written aside with a manifest of the size and SHA-256 of every file,
synced, and renamed into place. One that does not agree with its manifest is not read.

    checkpoints/00000200/state/...         the arrays, as Orbax writes them
    checkpoints/00000200/manifest.json     update, configuration, leaves, files
    checkpoints/00000200/manifest.sha256   the digest of the manifest itself

That is the state before its evaluation. `00000200.evaluated` beside it is the state
after it, if the evaluation was the last one and has changed the state.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.harness import arrays, files


class SaveFailed(Exception):
    """A checkpoint could not be written; those before it are untouched."""


class NoGoodCheckpoint(ValueError):
    """There are checkpoints, but none of them can be restored."""


class Checkpoints:
    """The newest checkpoints of a run, each in a directory named by its update.

    Args:
      directory: the directory that holds them; created by the first save.
      keep: number of checkpoints to keep.
    """

    def __init__(self, directory: Path, keep: int = 3):
        self.directory = directory
        self.keep = keep

    def updates(self) -> list[int]:
        """Lists the updates of the checkpoints, in rising order."""
        if not self.directory.is_dir():
            return []
        names = (path.name for path in self.directory.iterdir())
        return sorted(int(name) for name in names if name.isdigit())

    def path(self, update: int, evaluated: bool = False) -> Path:
        """Returns the directory of an update's checkpoint."""
        return self.directory / f"{update:08d}{'.evaluated' if evaluated else ''}"

    def save(
        self,
        update: int,
        state: Any,
        config: dict[str, Any],
        *,
        evaluated: bool = False,
    ) -> None:
        """Writes a checkpoint and removes the oldest ones.

        When this returns, the checkpoint is on the disk and survives a crash of the
        process or the machine. Until then the previous one does.

        Args:
          update: number of updates done.
          state: tree of arrays.
          config: the configuration as JSON, for the manifest.
          evaluated: whether the state is that after the evaluation.

        Raises:
          SaveFailed: if it cannot be written, for any reason.
        """
        path = self.path(update, evaluated)
        aside = path.with_name(f".writing-{path.name}")
        try:
            aside.mkdir(parents=True)
            _write(aside, update, state, config)
            aside.rename(path)
            files.sync(self.directory)
        except Exception as error:  # Orbax wraps a full disk in errors of its own
            shutil.rmtree(aside, ignore_errors=True)
            kept = self.updates()
            raise SaveFailed(
                f"the checkpoint of update {update} could not be saved in "
                f"{self.directory}: {_first_line(error)}; "
                + (f"that of update {kept[-1]} is kept." if kept else "there is none.")
            ) from error
        for old in self.updates()[: -self.keep]:
            self._remove(self.path(old))
        self._remove_orphans()

    def newest(
        self, warn: Callable[[str], None], *, evaluated: bool = False
    ) -> tuple[int, Path] | None:
        """Finds the newest checkpoint that agrees with its manifest.

        Args:
          warn: takes one line for every checkpoint that is damaged.
          evaluated: whether to prefer the state after the evaluation, if it is there.

        Returns:
          Its update and its directory; None if there is no checkpoint.

        Raises:
          NoGoodCheckpoint: if there are checkpoints, but all are damaged.
        """
        problems = []
        for update in reversed(self.updates()):
            paths = [self.path(update)]
            if evaluated and self.path(update, True).is_dir():
                paths.insert(0, self.path(update, True))
            for path in paths:
                problem = find_damage(path)
                if problem is None:
                    return update, path
                problems.append(f"{path}: {problem}")
                warn(f"warning: skipped the checkpoint {problems[-1]}")
        if problems:
            raise NoGoodCheckpoint(
                "no checkpoint can be restored: " + "; ".join(problems) + "."
            )
        return None

    def restore(
        self,
        template: Any,
        warn: Callable[[str], None],
        *,
        evaluated: bool = False,
    ) -> tuple[int, Any]:
        """Reads the newest checkpoint that agrees with its manifest.

        Args:
          template: a state of the same structure, shapes, dtypes and shardings.
          warn: see `newest`.
          evaluated: see `newest`.

        Returns:
          The update and the state; `(0, template)` if there is no checkpoint.

        Raises:
          NoGoodCheckpoint: if there are checkpoints, but all are damaged.
          ValueError: if the checkpoint holds another structure than `template`.
        """
        found = self.newest(warn, evaluated=evaluated)
        if found is None:
            return 0, template
        update, path = found
        return update, _read(path, template)

    def set_aside(self, after: int) -> None:
        """Renames the checkpoints after an update to `.bad`, so that none is used.

        A state after an evaluation is removed, as that evaluation is repeated.

        Args:
          after: the update that was restored; newer ones are damaged.
        """
        for path in self.directory.glob("*.evaluated"):
            # on a disk that cannot be written to, the next save reports the error
            with contextlib.suppress(OSError):
                self._remove(path)
        for update in self.updates():
            if update > after:
                bad = self.path(update).with_suffix(".bad")
                shutil.rmtree(bad, ignore_errors=True)
                self.path(update).rename(bad)

    def sweep(self) -> None:
        """Removes what a process left that was killed while writing or removing."""
        for left in self.directory.glob(".*"):
            shutil.rmtree(left, ignore_errors=True)
        self._remove_orphans()

    def _remove_orphans(self) -> None:
        """Removes states after an evaluation whose checkpoint is gone."""
        for path in self.directory.glob("*.evaluated"):
            if not path.with_suffix("").is_dir():
                with contextlib.suppress(OSError):  # it is tried again at the next save
                    self._remove(path)

    def _remove(self, path: Path) -> None:
        # Renamed first: killed here, it would be a checkpoint with missing files.
        doomed = path.with_name(f".removing-{path.name}")
        path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def find_damage(path: Path) -> str | None:
    """Compares a checkpoint with its manifest, byte by byte.

    Args:
      path: the checkpoint's directory.

    Returns:
      The first difference, with the file's name; None if there is none.
    """
    try:
        manifest = (path / "manifest.json").read_bytes()
        digest = (path / "manifest.sha256").read_bytes()
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    if digest != _digest_line(manifest):
        return "manifest.json and manifest.sha256 do not agree"
    content = json.loads(manifest)
    if content["update"] != int(path.stem):
        return f"manifest.json is that of update {content['update']}"
    listed = content["files"]
    found = _payload(path)
    for name in sorted(listed.keys() | found.keys()):
        if name not in found:
            return f"{name} is missing"
        if name not in listed:
            return f"{name} is not in the manifest"
        size = found[name].stat().st_size
        if size != listed[name]["size"]:
            return f"{name} has {size} bytes instead of {listed[name]['size']}"
        if _sha256(found[name]) != listed[name]["sha256"]:
            return f"{name} has changed (its SHA-256 differs)"
    return None


def _write(aside: Path, update: int, state: Any, config: dict[str, Any]) -> None:
    """Writes a checkpoint into a directory and syncs it."""
    arrays.write_arrays(aside / "state", state)
    manifest = {
        "update": update,
        "config": config,
        "leaves": arrays.describe_arrays(state),
        "files": {
            name: {"size": file.stat().st_size, "sha256": _sha256(file)}
            for name, file in sorted(_payload(aside).items())
        },
    }
    encoded = f"{json.dumps(manifest, indent=1)}\n".encode()
    (aside / "manifest.json").write_bytes(encoded)
    (aside / "manifest.sha256").write_bytes(_digest_line(encoded))
    for directory, _, names in os.walk(aside):
        for name in names:
            files.sync(Path(directory) / name)
        files.sync(Path(directory))


def _read(path: Path, template: Any) -> Any:
    """Reads an undamaged checkpoint; raises ValueError if its structure differs."""
    saved = json.loads((path / "manifest.json").read_bytes())["leaves"]
    wanted = arrays.describe_arrays(template)
    unlike = [
        f"{name}: {saved.get(name, 'nothing')} saved, {wanted.get(name, 'nothing')} now"
        for name in sorted(saved.keys() | wanted.keys())
        if saved.get(name) != wanted.get(name)
    ]
    if unlike:
        raise ValueError(f"{path} is of another model ({'; '.join(unlike)}).")
    return arrays.read_arrays(path / "state", template)


def _payload(path: Path) -> dict[str, Path]:
    """Lists the files that a manifest covers, by their names within `path`."""
    found = {
        file.relative_to(path).as_posix(): file
        for file in path.rglob("*")
        if not file.is_dir()
    }
    for name in ("manifest.json", "manifest.sha256"):
        found.pop(name, None)
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_line(data: bytes) -> bytes:
    return f"{hashlib.sha256(data).hexdigest()}  manifest.json\n".encode()


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
