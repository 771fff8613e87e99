"""`FrameClassifier` against its equations in NumPy, and its padding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from rnnjax import elman
from rnnjax.models.frame_classifier import FrameClassifier
from tests.pytrees import assert_close, assert_same_bits

B, T, HEIGHT, WIDTH, H, LABELS = 2, 3, 6, 9, 5, 4
LENGTHS = (3, 2)


@pytest.fixture(scope="module")
def model():
    with jax.enable_x64(True):
        model = FrameClassifier(
            (HEIGHT, WIDTH), elman(H), LABELS, channels=(2, 3), rngs=nnx.Rngs(0)
        )
        rng = np.random.default_rng(0)
        drawn = jax.tree.map(lambda x: 0.5 * rng.normal(size=x.shape), nnx.state(model))
        nnx.update(model, drawn)
        return model


@pytest.fixture(scope="module")
def clips():
    rng = np.random.default_rng(1)
    frames = rng.integers(0, 2, (B, T, HEIGHT, WIDTH)).astype(np.float64)
    return frames, np.arange(T) < np.array(LENGTHS)[:, None]


def convolve(image, kernel, bias):
    """A stride of 2; what is padded to be even is padded behind."""
    height, width = (-(-size // 2) for size in image.shape[:2])
    total = [(n - 1) * 2 + 3 - size for n, size in zip((height, width), image.shape)]
    before = [extra // 2 for extra in total]
    padded = np.zeros(
        (image.shape[0] + total[0], image.shape[1] + total[1], kernel.shape[2])
    )
    padded[before[0] :, before[1] :][: image.shape[0], : image.shape[1]] = image
    out = np.zeros((height, width, kernel.shape[-1]))
    for i in range(height):
        for j in range(width):
            window = padded[2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
            out[i, j] = np.einsum("abc,abcd->d", window, kernel) + bias
    return np.maximum(out, 0)


def test_scores_equal_the_equations(x64, model, clips):
    frames, mask = clips
    got = jax.jit(model)(frames, mask=mask)
    params = jax.tree.map(np.asarray, nnx.as_pure(nnx.state(model)))
    cell = params["body"]["params"][0]
    head = params["labels"]["params"]
    for b in range(B):
        h = np.zeros(H)
        for frame in frames[b, : LENGTHS[b]]:
            x = frame[..., None]
            for i in range(2):
                x = convolve(x, **params["convolutions"][i])
            pre = x.ravel() @ cell["kernel"] + h @ cell["recurrent_kernel"]
            h = np.tanh(pre + cell["bias"])
        assert_close(got[b], h @ head["kernel"] + head["bias"], 1e-12)


def test_padding_is_not_seen(x64, model, clips):
    frames, mask = clips
    graph, params = nnx.split(model)

    @jax.jit
    def gradients(frames):
        def loss(params):
            return (nnx.merge(graph, params)(frames, mask=mask) ** 2).sum()

        return jax.value_and_grad(loss)(nnx.as_pure(params))

    others = np.where(mask[..., None, None], frames, np.nan)
    assert_same_bits(gradients(frames), gradients(others))


def test_bad_arguments(model, clips):
    frames, mask = clips
    with pytest.raises(ValueError, match="mask must be"):
        model(frames, mask=jnp.asarray(mask)[:, 1:])
    with pytest.raises(ValueError, match="channels must hold a size, got none"):
        FrameClassifier((4, 4), elman(H), 2, channels=(), rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="num_labels must be a positive whole number"):
        FrameClassifier((4, 4), elman(H), 0, rngs=nnx.Rngs(0))
