"""The unitary network against its paper's composition, by matrices in NumPy."""

import jax
import numpy as np

from rnnjax.cells.unitary import unitary_rnn
from rnnjax.unroll import unroll
from tests.cells.paper import D, H, draw, equals_paper, initial
from tests.loop import in_numpy
from tests.pytrees import assert_close


def matrix_in_numpy(params, size, seed):
    """W = D3 R2 F^-1 D2 P R1 F D1, each written out as a matrix."""
    D1, D2, D3 = (np.diag(np.exp(1j * theta)) for theta in params["phases"])
    R1, R2 = (
        np.eye(size) - 2 * np.outer(v, v.conj()) / np.vdot(v, v)
        for v in params["reflections"][0] + 1j * params["reflections"][1]
    )
    index = np.arange(size)
    F = np.exp(-2j * np.pi * np.outer(index, index) / size) / np.sqrt(size)
    P = np.eye(size)[np.random.default_rng(seed).permutation(size)]
    return D3 @ R2 @ F.conj().T @ D2 @ P @ R1 @ F @ D1


@equals_paper(unitary_rnn, {"permutation_seed": 0}, {"permutation_seed": 3})
def test_equals_paper(params, h_real, h_imag, x, permutation_seed):
    """Arjovsky et al. 2016, equations 6 to 8, in complex numbers."""
    W = matrix_in_numpy(params, H, permutation_seed)
    real, imag = np.split(params["kernel"], 2, axis=1)
    z = x @ (real + 1j * imag) + (h_real + 1j * h_imag) @ W.T
    length = np.abs(z) + params["bias"]
    h = np.where(length >= 0, length * z / np.abs(z), 0)
    return (h.real, h.imag), np.concatenate([h.real, h.imag], axis=-1)


def test_gradient_at_zero_is_that_of_the_identity(x64):
    """A carry of zeros and no input, where the length has no derivative."""
    cell = unitary_rnn(H)
    params = draw(cell, 1, scale=0.4)[0] | {"bias": np.zeros(H)}

    def outputs(inputs):
        return unroll(cell, params, inputs)[1]

    got = in_numpy(jax.jacobian(outputs))(np.zeros((1, D)))[0, :, 0]
    assert_close(got, params["kernel"].T, 1e-14)


def test_matrix_is_unitary_in_float32():
    """To the last digits, whatever the weights."""
    cell = unitary_rnn(64)
    params = jax.tree.map(np.float32, draw(cell, 3, scale=100.0)[0])
    W = np.float64(in_numpy(cell.prepare)(params)["recurrent_kernel"])
    assert np.abs(W.T @ W - np.eye(128)).max() < 2e-6


def test_start_has_phases_all_around():
    """7 n weights of the recurrence; phases on ±π, vectors on ±1."""
    params = initial(unitary_rnn(40), 3)
    sizes = {name: x.size for name, x in params.items()}
    assert sizes == {"kernel": 240, "phases": 120, "reflections": 160, "bias": 40}
    assert 3 < np.abs(params["phases"]).max() < np.pi
    assert 0.9 < np.abs(params["reflections"]).max() < 1
