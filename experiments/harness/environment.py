"""What a result depends on beside its configuration."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy")


def describe_environment() -> dict[str, Any]:
    """Returns versions, device and commit, as `results.json` holds them."""
    import jax

    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    device = jax.devices()[0]
    return {
        "versions": {"python": platform.python_version(), **versions},
        "device": {
            "platform": device.platform,
            "kind": device.device_kind,
            "count": jax.device_count(),
        },
        "commit": _commit(Path(__file__).parent),
    }


def _commit(directory: Path) -> dict[str, Any] | None:
    """Names the commit of the checkout a directory is in; None if in none."""
    command = ["git", "-C", str(directory)]
    try:
        head = subprocess.run(
            [*command, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        )
        changes = subprocess.run(
            [*command, "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return {"id": head.stdout.strip(), "dirty": bool(changes.stdout.strip())}
