"""Penalties on parameters, against sums and closed forms."""

import jax
import numpy as np

from rnnjax.regularizers import l1_penalty, l2_penalty, orthogonality_penalty
from tests.pytrees import assert_close
from tests.refusals import refuses


def draw():
    rng = np.random.default_rng(0)
    shapes = {"bias": (3,), "kernel": (2, 3), "recurrent_kernel": (3, 3)}
    cell = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    return {"cell": cell, "head": [{"kernel": rng.normal(size=(3, 4))}]}


def test_the_chosen_leaves_alone_are_summed(x64):
    params = draw()
    own = params["cell"]

    def chosen(path):
        return path.startswith("cell/") and path.endswith("kernel")

    kernels = np.concatenate([own["kernel"].ravel(), own["recurrent_kernel"].ravel()])
    for penalty, want, slope in (
        (l1_penalty, abs(kernels).sum(), np.sign),
        (l2_penalty, (kernels**2).sum(), lambda x: 2 * x),
    ):
        value, grads = jax.value_and_grad(penalty)(params, chosen)
        np.testing.assert_allclose(value, want, rtol=1e-12)
        want_grads = jax.tree.map_with_path(
            lambda path, x: slope(x) if "cell" in str(path) and x.ndim > 1 else 0 * x,  # noqa: B023
            params,
        )
        assert_close(grads, want_grads, 1e-12)
    assert float(l1_penalty(params, lambda path: path == "head/0/kernel")) > 0


PATHS = "cell/bias', 'cell/kernel', 'cell/recurrent_kernel', 'head/0/kernel"
NO_LEAF = lambda x: False, rf"chosen must choose a leaf, got none of \['{PATHS}'"
WIDE = np.ones((3, 6))
test_no_leaf_and_gates_that_do_not_fit_are_refused = refuses(
    *((penalty, draw(), *NO_LEAF) for penalty in (l1_penalty, l2_penalty)),
    (orthogonality_penalty, WIDE, 4, "num_gates must divide the kernel's width 6"),
    (orthogonality_penalty, WIDE, 0, "num_gates must be a positive whole number"),
)


def test_orthogonality_by_singular_values(x64):
    """The penalty is Σ (σ² - 1)² over a gate's singular values, for any shape."""
    rng = np.random.default_rng(1)
    for shape, num_gates in (((5, 5), 1), ((4, 6), 3), ((3, 14), 2), ((5, 15), 3)):
        kernel = rng.normal(size=shape)
        want = 0.0
        for gate in np.split(kernel, num_gates, axis=1):
            want += ((np.linalg.svd(gate, compute_uv=False) ** 2 - 1) ** 2).sum()
        got = orthogonality_penalty(kernel, num_gates)
        np.testing.assert_allclose(got, want, rtol=1e-12)
    gates = [np.linalg.qr(gate)[0] for gate in np.split(kernel, 3, axis=1)]
    assert orthogonality_penalty(np.concatenate(gates, axis=1), 3) < 1e-20
