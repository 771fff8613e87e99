"""How many devices share a batch, and on which of them arrays are placed.

On a CPU, XLA runs the loop of a recurrent network mostly on one thread. So the cores
are made separate devices, each of which computes a part of the batch.

Call `start_devices` or `start_member_devices` before JAX makes its first array, with
the flag `num_devices` (None: chosen here), and record the number that they return by
`run.record_choice("num_devices", ...)`: a resumed run then gets the same number.
"""

import os
from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

# Measured, see `default_num_devices`. A device pays if the time that it saves exceeds
# what starting and joining the devices costs in every update, which takes enough rows
# per device, each of them wide enough. Very wide layers gain nothing: there XLA already
# uses several threads for each product.
MIN_WIDTH, MAX_WIDTH = 128, 512
MIN_ROWS_PER_DEVICE = 8
MIN_NUMBERS_PER_DEVICE = 2048  # of a layer's carry: rows times width


def default_num_devices(
    platform: str, num_cores: int, batch_size: int, hidden_size: int
) -> int:
    """Chooses how many devices share a batch.

    It is the largest number that divides the batch and is at most the number of cores
    or accelerators. On a CPU each device must also have 8 rows of the batch and 2048
    numbers of a layer's carry, and the width must be from 128 to 512. Measured with an
    LSTM over 65 characters, speed of a training update on two devices relative to one,
    on two cores:

        batch, width   64,128  32,256  16,256  20,200  32,512  64,512  16,512
        speed            1.37    1.41    1.39    1.69    1.47    1.16    1.07
        batch, width   32,64   16,128   8,256   8,128   4,512  64,650
        speed            1.02    1.26    1.34    0.82    0.62    0.99

    With 10,000 words the devices exchange large gradients and two are slower: 0.75 for
    20,200, 0.70 for 20,650, 0.95 for 64,256. The rule does not know the vocabulary; its
    bounds keep the smaller batches of word models on one device.

    Args:
      platform: of JAX: "cpu", "gpu" or "tpu".
      num_cores: cores of a CPU that the process may use, or number of accelerators.
      batch_size: rows of the batch.
      hidden_size: width of a recurrent layer.

    Returns:
      The number of devices, at least 1.
    """
    most = num_cores
    if platform == "cpu":
        if not MIN_WIDTH <= hidden_size <= MAX_WIDTH:
            return 1
        by_numbers = batch_size * hidden_size // MIN_NUMBERS_PER_DEVICE
        most = min(num_cores, batch_size // MIN_ROWS_PER_DEVICE, by_numbers)
    return max((n for n in _divisors(batch_size) if n <= most), default=1)


def start_devices(num_devices: int | None, batch_size: int, hidden_size: int) -> int:
    """Starts JAX with devices that share a batch.

    Args:
      num_devices: number of devices; None: `default_num_devices`.
      batch_size: rows of the batch.
      hidden_size: width of a recurrent layer.

    Returns:
      The number of devices to use.

    Raises:
      ValueError: if there are fewer devices, or the batch cannot be divided by the
        number.
    """
    sizes = batch_size, hidden_size
    if num_devices is not None and batch_size % num_devices:
        raise ValueError(
            "num_devices must divide batch_size, one of "
            f"{', '.join(map(str, _divisors(batch_size)))} for {batch_size}, "
            f"got {num_devices}."
        )
    on_cpu = num_devices or default_num_devices("cpu", _num_cores(), *sizes)
    available = _start(on_cpu)
    if num_devices is not None:
        return _checked(num_devices, available)
    platform = jax.default_backend()
    if platform == "cpu":
        return on_cpu if on_cpu <= available else 1
    return default_num_devices(platform, available, *sizes)


def start_member_devices(num_devices: int | None, num_members: int) -> int:
    """Starts JAX with devices that share networks trained side by side.

    The networks exchange nothing, so it always pays to use every core.

    Args:
      num_devices: number of devices; None: the largest that divides the number of
        members, up to the number of cores or accelerators.
      num_members: networks trained side by side.

    Returns:
      The number of devices to use.

    Raises:
      ValueError: if there are fewer devices, or they cannot share the members evenly.
    """
    shares = _divisors(num_members)
    if num_devices is not None and num_devices not in shares:
        raise ValueError(
            f"num_devices must be one of {', '.join(map(str, shares))} to share "
            f"{num_members} members evenly, got {num_devices}."
        )
    on_cpu = num_devices or max(n for n in shares if n <= _num_cores())
    available = _start(on_cpu)
    if num_devices is not None:
        return _checked(num_devices, available)
    return max(n for n in shares if n <= available)


def make_mesh(num_devices: int) -> Mesh:
    """Makes a mesh of the first devices, with the single axis `batch`."""
    devices = jax.devices()[:num_devices]
    return jax.make_mesh((num_devices,), ("batch",), (AxisType.Auto,), devices=devices)


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Replicates a tree on every device of a mesh; also inside `jit`."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def split_batch(tree: Any, mesh: Mesh, axis: int) -> Any:
    """Splits a batch over the devices of a mesh; also inside `jit`.

    Args:
      tree: arrays with the batch at `axis`; arrays of lower rank are replicated.
      mesh: of `make_mesh`.
      axis: the axis of the batch.
    """

    def place(leaf):
        whole = jax.numpy.ndim(leaf) <= axis
        names = () if whole else (None,) * axis + ("batch",)
        return jax.device_put(leaf, NamedSharding(mesh, PartitionSpec(*names)))

    return jax.tree.map(place, tree)


def _start(num_cpu_devices: int) -> int:
    """Starts JAX, and returns how many devices there are."""
    try:
        jax.config.update("jax_num_cpu_devices", num_cpu_devices)
    except RuntimeError:  # JAX has started already; its devices stay as they are
        pass
    return jax.device_count()


def _checked(num_devices: int, available: int) -> int:
    if num_devices > available:
        raise ValueError(
            f"num_devices must be at most {available}, the {jax.default_backend()} "
            f"devices there are, got {num_devices}."
        )
    return num_devices


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]


def _num_cores() -> int:
    """Counts the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
