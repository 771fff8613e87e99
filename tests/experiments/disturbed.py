"""Flax with one weight a little off, as a contender of its own."""

from experiments.benchmarking import flax_peers, jax_program
from experiments.benchmarking.work import make_data


def linen_rnn(case):
    def make_disturbed(case):
        data = make_data(case)
        bias = data.weights["bias"].copy()
        bias[-1] += 1e-3
        return data._replace(weights={**data.weights, "bias": bias})

    jax_program.make_data = make_disturbed
    return flax_peers.linen_rnn(case)
