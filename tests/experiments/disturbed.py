"""A contender with a small error in one weight."""

from experiments.benchmark import jax_program, rnnjax_engines
from experiments.benchmark.work import make_data


def scan(case):
    def make_disturbed(case):
        data = make_data(case)
        bias = data.weights["bias"].copy()
        bias[-1] += 1e-3
        return data._replace(weights={**data.weights, "bias": bias})

    jax_program.make_data = make_disturbed
    return rnnjax_engines.engine(case, "scan")
