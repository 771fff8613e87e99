"""Freed memory is kept: page faults are counted in a separate process."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GLIBC = platform.libc_ver()[0] == "glibc"
PROGRAM = """
import resource, sys
from rnnjax import memory
if sys.argv[1] == "call":
    print(memory.keep_freed_memory())
else:
    print(None)
for turn in range(20):
    if turn == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for size in (3, 5, 40):
        b"x" * (size * 2**20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
VARIABLES = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "1099511627776",
    "MALLOC_TOP_PAD_": "67108864",
}


def run(how, **variables):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    result, faults = done.stdout.split()
    return result, int(faults)


@pytest.mark.skipif(not GLIBC, reason="the C library is another")
def test_large_arrays_are_not_mapped_anew():
    _, as_it_comes = run("nothing")
    result, kept = run("call")
    assert result == "True"
    assert as_it_comes > 10 * 4000  # 48 MB per turn, in pages of 4 KB
    assert kept < 100
    _, by_variables = run("nothing", **VARIABLES)
    assert by_variables < 100


def test_another_c_library_is_left_alone(monkeypatch):
    from rnnjax import memory

    monkeypatch.setattr(memory.platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(memory.ctypes, "CDLL", None)
    assert memory.keep_freed_memory() is False
