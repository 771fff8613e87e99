"""How many devices share a batch, and where the arrays of a training stand.

XLA runs the loop of a recurrent network on one thread for the most part, so on a CPU
the cores are made devices of their own, each with a part of the batch.
"""

import os
from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

# When a device of its own pays for a core; see `default_num_devices`.
WIDTHS = range(128, 513)
LEAST_ROWS = 8
LEAST_ROWS_TIMES_WIDTH = 2048


def default_num_devices(
    platform: str, num_cores: int, batch_size: int, hidden_size: int
) -> int:
    """Chooses how many devices share a batch.

    The most that divide the batch, up to one a core; on a CPU only so many that each
    has 8 rows of the batch and 2048 numbers of a layer's carry, and one alone for
    widths below 128 or above 512. Measured on two cores, training updates of an LSTM
    over 65 characters, each number of devices in a process of its own, two against one:

        batch, width   64,128  32,256  16,256  20,200  32,512  64,512  16,512
        times as fast    1.37    1.41    1.39    1.69    1.47    1.16    1.07
        batch, width   32,64   16,128   8,256   8,128   4,512  64,650
        times as fast    1.02    1.26    1.34    0.82    0.62    0.99

    Over 10,000 words the gradients that the devices exchange are large, and two are
    slower: 20,200 0.75, 20,650 0.70, 64,256 0.95. The rule knows no vocabulary; its
    bounds keep the smaller batches of word models on one device.

    Args:
      platform: of JAX: "cpu", "gpu" or "tpu".
      num_cores: cores of a CPU that the process may use, or number of accelerators.
      batch_size: rows of the batch.
      hidden_size: width of a recurrent layer.

    Returns:
      The number of devices, from 1.
    """
    most = num_cores
    if platform == "cpu":
        by_work = batch_size * hidden_size // LEAST_ROWS_TIMES_WIDTH
        by_width = num_cores if hidden_size in WIDTHS else 1
        most = min(by_width, batch_size // LEAST_ROWS, by_work)
    return max((n for n in _divisors(batch_size) if n <= most), default=1)


def start_devices(num_devices: int | None, batch_size: int, hidden_size: int) -> int:
    """Starts JAX with the devices asked for, or with those of the rule.

    Args:
      num_devices: as asked for; None: `default_num_devices`.
      batch_size: rows of the batch.
      hidden_size: width of a recurrent layer.

    Returns:
      The number of devices to use.

    Raises:
      ValueError: if there are not so many devices, or the batch does not divide by
        them.
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
    platform = jax.default_backend()
    if num_devices is None:
        if platform == "cpu":
            return on_cpu if on_cpu <= available else 1
        return default_num_devices(platform, available, *sizes)
    return _checked(num_devices, available)


def start_member_devices(num_devices: int | None, num_members: int) -> int:
    """Starts JAX with the devices that share networks trained side by side.

    The networks have nothing to say to each other, so a device of its own pays for
    every core.

    Args:
      num_devices: as asked for; None: the most that share the members evenly, up to one
        a core, or to the accelerators there are.
      num_members: networks trained side by side.

    Returns:
      The number of devices to use.

    Raises:
      ValueError: if there are not so many devices, or they cannot share evenly.
    """
    shares = _divisors(num_members)
    if num_devices is not None and num_devices not in shares:
        raise ValueError(
            f"num_devices must be one of {', '.join(map(str, shares))} to share "
            f"{num_members} members evenly, got {num_devices}."
        )
    on_cpu = num_devices or max(n for n in shares if n <= _num_cores())
    available = _start(on_cpu)
    if num_devices is None:
        return max(n for n in shares if n <= available)
    return _checked(num_devices, available)


def make_mesh(num_devices: int) -> Mesh:
    """Makes the mesh of the first devices, with the one axis `batch`."""
    devices = jax.devices()[:num_devices]
    return jax.make_mesh((num_devices,), ("batch",), (AxisType.Auto,), devices=devices)


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Lays a tree out whole on every device; inside `jit` too."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def split_batch(tree: Any, mesh: Mesh, axis: int) -> Any:
    """Splits a batch over the devices; inside `jit` too.

    Args:
      tree: arrays with the batch at `axis`; those of lower rank are not split.
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
    except RuntimeError:  # JAX has started: there are what devices there are
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
