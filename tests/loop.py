"""Compiled functions whose results are NumPy arrays."""

import os

from rnnjax.checks.runs import compiled


def in_numpy(function, optimized=False):
    """Compiles a function and turns what it gives into NumPy arrays.

    Optimized, it is the program that users run: tests compile without optimization
    unless told otherwise, see `tests/conftest.py`.
    """
    options: dict = {"xla_backend_optimization_level": 3}
    if "xla_cpu_use_fusion_emitters" in os.environ["XLA_FLAGS"]:
        options["xla_cpu_use_fusion_emitters"] = True
    return compiled(function, compiler_options=options if optimized else None)
