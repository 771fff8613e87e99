"""Tree banks in files."""

import gzip
from collections.abc import Iterator
from pathlib import Path

from rnnjax.trees.brackets import BracketedTree, parse_tree_bank


def read_tree_bank(
    path: str | Path,
    *,
    suffix: str = ".mrg",
    labelled: bool = True,
    encoding: str = "utf-8-sig",
) -> Iterator[BracketedTree]:
    """Reads the trees of a file, or of all files in a folder.

    Files are read one at a time; a file whose name ends with `.gz` is decompressed.

    Args:
      path: a file, or a folder whose files are read in the order of their names,
        those in folders within it too.
      suffix: how the names of a folder's files end, such as ".mrg" or ".txt.gz".
      labelled: see `parse_tree_bank`.
      encoding: of the files; by default UTF-8 with or without a byte order mark.

    Yields:
      The trees.

    Raises:
      ValueError: if a folder holds no such file, or a file is not a sequence of trees
        or not text of this encoding. The message names the file, and the line.
    """
    path = Path(path)
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.rglob(f"*{suffix}") if file.is_file())
        if not files:
            raise ValueError(f"{path} must hold files *{suffix}, got none.")
    for file in files:
        try:
            content = file.read_bytes()
            if file.suffix == ".gz":
                content = gzip.decompress(content)
            trees = parse_tree_bank(content.decode(encoding), labelled=labelled)
        except (ValueError, gzip.BadGzipFile, EOFError) as error:
            raise ValueError(f"{file}: {error}") from error
        yield from trees
