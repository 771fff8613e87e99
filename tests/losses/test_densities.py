"""Densities: probabilities and quantiles against SciPy, draws against both."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from rnnjax.losses import (
    bivariate_normal,
    discretized_logistic,
    graves_mixture,
    mixture,
    negative_binomial,
    negative_log_likelihood,
    normal,
    student_t,
    with_bit,
)
from rnnjax.losses.special import stirling_error

LEVELS, NUM = 17, 60
NUMBERS = {
    "normal": normal(),
    "student_t": student_t(),
    "negative_binomial": negative_binomial(),
    "discretized_logistic": discretized_logistic(LEVELS),
}
NUMBERS |= {f"mixture of {name}": mixture(own, 3) for name, own in NUMBERS.items()}
ALL = NUMBERS | {
    "bivariate_normal": bivariate_normal(),
    "graves_mixture": graves_mixture(4),
    "counts_with_bit": with_bit(mixture(negative_binomial(), 2)),
}


def every(names, slow=()):
    """Runs a test over families; those whose parts are in others are slow."""
    return pytest.mark.parametrize(
        "name",
        [
            pytest.param(name, marks=[pytest.mark.slow] * (name in slow))
            for name in names
        ],
    )


PARTS = [name for name in ALL if f"mixture of {name}" in ALL]


def softplus(x):
    return np.logaddexp(0, x)


class Rounded:
    """A logistic number rounded to levels, by SciPy's distribution function."""

    def __init__(self, loc, scale):
        self.number = stats.logistic(loc, scale)
        self.gap = 2 / (LEVELS - 1)

    def cdf(self, level):
        edge = self.gap * (level + 0.5) - 1
        inside = self.number.cdf(edge)
        return np.where(level >= LEVELS - 1, 1, np.where(level < 0, 0, inside))

    def logpmf(self, level):
        low, high = (self.gap * (level + x) - 1 for x in (-0.5, 0.5))
        below = self.number.cdf(high) - self.number.cdf(low)
        above = self.number.sf(low) - self.number.sf(high)  # exact in the other tail
        inside = np.log(np.where(low > self.number.mean(), above, below))
        last = np.where(level == LEVELS - 1, self.number.logsf(low), inside)
        return np.where(level == 0, self.number.logcdf(high), last)


def by_scipy(name, outputs):
    """Returns the distribution of one step and the logarithm of its density."""
    if name == "normal":
        own = stats.norm(outputs[..., 0], np.exp(outputs[..., 1]))
        return own, own.logpdf
    if name == "student_t":
        degrees = 2 + softplus(outputs[..., 2])
        own = stats.t(degrees, outputs[..., 0], np.exp(outputs[..., 1]))
        return own, own.logpdf
    if name == "negative_binomial":
        mean, dispersion = softplus(outputs[..., 0]), softplus(outputs[..., 1])
        own = stats.nbinom(1 / dispersion, 1 / (1 + mean * dispersion))
        return own, own.logpmf
    own = Rounded(outputs[..., 0], np.exp(outputs[..., 1]))
    return own, own.logpmf


def expected(name, outputs, targets):
    """Returns the log-probability and the distribution function, in NumPy."""
    if not name.startswith("mixture"):
        own, log_prob = by_scipy(name, outputs)
        return log_prob(targets), own.cdf(targets)
    logits, rest = outputs[..., :3], outputs[..., 3:]
    weights = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    rest = rest.reshape(*rest.shape[:-1], 3, -1)
    own, log_prob = by_scipy(name.removeprefix("mixture of "), rest)
    log_probs = np.log(weights) + log_prob(targets[..., None])
    return (
        special.logsumexp(log_probs, axis=-1),
        (weights * own.cdf(targets[..., None])).sum(-1),
    )


def draw_outputs(name, rng, shape=(NUM,)):
    return rng.normal(scale=1.5, size=(*shape, ALL[name].num_outputs))


def draw_targets(name, rng, shape=(NUM,)):
    if ALL[name].is_discrete:
        most = LEVELS if "logistic" in name else 40
        return np.float64(rng.integers(most, size=shape))
    return rng.normal(scale=6, size=shape)


@functools.partial(jax.jit, static_argnums=0)
def evaluate(density, outputs, targets, probability=None):
    params = density.params(outputs)
    return (
        density.log_prob(params, targets),
        density.cdf(params, targets),
        None if probability is None else density.quantile(params, probability),
    )


@every(NUMBERS, slow=["mixture of negative_binomial", "mixture of student_t"])
def test_log_prob_cdf_and_quantile_equal_scipy(name, x64):
    rng = np.random.default_rng(0)
    density = NUMBERS[name]
    outputs, targets = draw_outputs(name, rng), draw_targets(name, rng)
    probability = rng.uniform(0.001, 0.999, NUM)
    log_probs, cdf, quantile = evaluate(density, outputs, targets, probability)
    assert log_probs.dtype == np.float64
    want_log_probs, want_cdf = expected(name, outputs, targets)
    np.testing.assert_allclose(log_probs, want_log_probs, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(cdf, want_cdf, rtol=1e-7, atol=1e-12)
    quantile = np.float64(quantile)
    reached = expected(name, outputs, quantile)[1]
    if density.is_discrete:
        assert (reached >= probability - 1e-12).all()
        assert (expected(name, outputs, quantile - 1)[1] < probability).all()
    else:
        np.testing.assert_allclose(reached, probability, rtol=1e-8)


@every(NUMBERS, slow=PARTS)
def test_float32_is_near(name):
    rng = np.random.default_rng(1)
    outputs = np.float32(draw_outputs(name, rng))
    targets = np.float32(draw_targets(name, rng))
    log_probs, cdf, _ = evaluate(NUMBERS[name], outputs, targets)
    assert log_probs.dtype == np.float32
    wanted = expected(name, np.float64(outputs), np.float64(targets))
    np.testing.assert_allclose(log_probs, wanted[0], rtol=1e-5, atol=3e-6)
    np.testing.assert_allclose(cdf, wanted[1], rtol=1e-3, atol=1e-5)


def test_counts_in_the_thousands_are_right_in_float32():
    """Where a difference of log Γ has lost three digits or more."""
    rng = np.random.default_rng(2)
    mean, dispersion = 10 ** rng.uniform(1, 4, 500), 10 ** rng.uniform(-5, 0, 500)
    deviation = np.sqrt(mean + dispersion * mean**2)
    counts = np.maximum(np.round(mean + deviation * rng.normal(size=500)), 0)
    density = negative_binomial()
    params = density.params(np.zeros((500, 2), np.float32))
    params = params._replace(mean=np.float32(mean), dispersion=np.float32(dispersion))
    mean, dispersion = map(np.float64, params)
    want = stats.nbinom(1 / dispersion, 1 / (1 + mean * dispersion)).logpmf(counts)
    got = density.log_prob(params, np.float32(counts))
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5)


def test_stirling_error_is_what_it_says(x64):
    x = 10 ** np.linspace(-6, 6, 50)
    log_gamma = special.gammaln(x)
    want = log_gamma - (x - 0.5) * np.log(x) + x - 0.5 * np.log(2 * np.pi)
    tolerance = 1e-14 * np.maximum(1, np.abs(log_gamma))
    assert (np.abs(stirling_error(x) - want) <= 20 * tolerance).all()


def test_t_tends_to_the_normal():
    outputs = jnp.array([0.5, -1.0, 3e38], jnp.float32)
    params = student_t().params(outputs)
    x = jnp.linspace(-1.0, 2.0, 7)
    want = normal().log_prob(normal().params(outputs[:2]), x)
    np.testing.assert_allclose(student_t().log_prob(params, x), want, rtol=1e-3)


# ---- extreme outputs


def extremes(rng, shape):
    """Floats of every size that a network may give, the largest included."""
    sizes = 10.0 ** rng.uniform(-45, 38.5, shape)
    numbers = rng.choice([-1, 1], shape) * np.minimum(sizes, np.finfo(np.float32).max)
    usual = rng.normal(scale=10, size=shape)
    numbers = np.where(rng.random(shape) < 0.3, usual, numbers)
    return np.float32(np.where(rng.random(shape) < 0.1, 0, numbers))


@functools.partial(jax.jit, static_argnums=0)
def value_and_gradient(density, outputs, targets):
    def total(outputs, targets):
        log_probs = density.log_prob(density.params(outputs), targets)
        return log_probs.sum(), log_probs

    return jax.grad(total, argnums=(0, 1), has_aux=True)(outputs, targets)


@every(ALL, slow=[*PARTS, "bivariate_normal"])
def test_finite_for_any_outputs_and_targets(name):
    """Targets up to 1,000 deviations from a component, and anywhere else."""
    rng, density, num = np.random.default_rng(3), ALL[name], 10_000
    outputs = extremes(rng, (num, density.num_outputs))
    if density.is_discrete and not density.event_shape:
        most = LEVELS if "logistic" in name else 10 ** rng.uniform(0, 9, num)
        targets = np.floor(rng.random(num) * most)
    elif "bit" in name:
        targets = rng.integers(2, size=(num, 2))
    else:
        targets = near_a_component(name, rng, outputs)
        anywhere = np.clip(extremes(rng, targets.shape), -1e30, 1e30)
        targets[::4] = anywhere[::4]
        if name == "graves_mixture":
            targets[:, -1] = rng.integers(2, size=num)
    targets = np.float32(targets)
    grads, log_probs = value_and_gradient(density, outputs, targets)
    assert np.isfinite(log_probs).all()
    assert np.isfinite(grads[0]).all()
    if not density.is_discrete and "bit" not in name:
        assert np.isfinite(grads[1]).all()


def near_a_component(name, rng, outputs):
    """Draws targets up to 1,000 deviations from the first component."""
    num, density = len(outputs), ALL[name]
    params = density.params(outputs)
    params = getattr(params, "value", params)
    params = getattr(params, "components", params)
    loc, scale = np.float64(params.loc), np.exp(np.float64(params.log_scale))
    if "mixture" in name:
        loc, scale = loc[:, 0], scale[:, 0]
    targets = loc + scale * rng.uniform(-1000, 1000, loc.shape)
    if name == "graves_mixture":
        targets = np.concatenate([targets, np.zeros((num, 1))], axis=-1)
    return targets


# ---- draws

NUM_DRAWS = 20_000


@functools.partial(jax.jit, static_argnums=0)
def draw(density, outputs, sharpening):
    params = density.params(jnp.broadcast_to(outputs, (NUM_DRAWS, outputs.shape[-1])))
    if sharpening is not None:
        params = density.sharpen(params, **sharpening)
    return density.sample(jax.random.key(0), params)


@every(NUMBERS, slow=["mixture of negative_binomial", "mixture of student_t"])
def test_draws_follow_the_distribution_function(name):
    rng, density = np.random.default_rng(4), NUMBERS[name]
    outputs = draw_outputs(name, rng, ())
    drawn = np.asarray(draw(density, np.float32(outputs), None))
    if not density.is_discrete:
        test = stats.kstest(drawn, lambda x: expected(name, outputs, x)[1])
        assert test.pvalue > 1e-4
        return
    assert drawn.dtype == (np.int32 if "logistic" in name else np.float32)
    values = np.arange(LEVELS if "logistic" in name else 200)
    shares = np.exp(expected(name, outputs, np.float64(values))[0])
    counts = np.array([(drawn == value).sum() for value in values])
    rare = shares * NUM_DRAWS < 5
    counts = np.append(counts[~rare], NUM_DRAWS - counts[~rare].sum())
    shares = np.append(shares[~rare], 1 - shares[~rare].sum())
    kept = shares > 1e-6
    assert counts[~kept].sum() == 0
    test = stats.chisquare(counts[kept], NUM_DRAWS * shares[kept] / shares[kept].sum())
    assert test.pvalue > 1e-4


def test_pairs_have_their_moments():
    outputs = np.float32([1.0, -2.0, 0.5, -0.3, 1.2])
    drawn = np.asarray(draw(bivariate_normal(), outputs, None))
    np.testing.assert_allclose(drawn.mean(0), [1, -2], atol=0.05)
    np.testing.assert_allclose(drawn.std(0), np.exp([0.5, -0.3]), rtol=0.02)
    correlation = np.corrcoef(drawn.T)[0, 1]
    np.testing.assert_allclose(correlation, np.tanh(1.2), atol=0.01)


def test_temperature_and_bias_sharpen():
    """A temperature multiplies variances; a bias b divides deviations by exp b."""
    outputs = np.float32([0.4, -0.1, 0.0, 1.0, 5.0, -1.0, 9.0, 0.5])[[0, 1, 4, 3, 6, 5]]
    density = mixture(normal(), 2)  # means 5 and 9
    for temperature, bias in [(0.25, 0.0), (1.0, 1.5), (2.0, 0.7)]:
        sharpening = {"temperature": temperature, "bias": bias}
        drawn = np.asarray(draw(density, outputs, sharpening))
        logits = outputs[:2] * (1 + bias) / temperature
        weights = np.exp(logits) / np.exp(logits).sum()
        loc = outputs[[2, 4]]
        scale = np.exp(outputs[[3, 5]] - bias) * np.sqrt(temperature)
        reached = (weights * stats.norm(loc, scale).cdf(drawn[:, None])).sum(-1)
        assert stats.kstest(reached, "uniform").pvalue > 1e-4, (temperature, bias)


def test_bits_have_their_rate_and_their_temperature():
    density = graves_mixture(1)
    outputs = np.float32([0, 0, 0, 0, 0, 0, -1.0])
    for temperature in (1.0, 0.4):
        drawn = np.asarray(draw(density, outputs, {"temperature": temperature}))
        rate = 1 / (1 + np.exp(1 / temperature))
        assert set(np.unique(drawn[:, 2])) == {0, 1}
        deviation = np.sqrt(rate * (1 - rate) / NUM_DRAWS)
        assert abs(drawn[:, 2].mean() - rate) < 4 * deviation


# ---- the loss


@pytest.mark.parametrize("fill", [np.nan, np.inf])
def test_masked_steps_are_not_seen(fill):
    rng, density = np.random.default_rng(5), graves_mixture(4)
    outputs = np.float32(rng.normal(size=(7, 3, density.num_outputs)))
    targets = np.float32(rng.normal(size=(7, 3, 3)))
    mask = rng.random((7, 3)) < 0.6
    spoilt, foreign = outputs.copy(), targets.copy()
    spoilt[~mask], foreign[~mask] = fill, fill

    @jax.jit
    def loss(outputs, targets):
        def total(outputs):
            nats = negative_log_likelihood(density, outputs, targets, mask)
            return nats.sum(), nats

        return jax.grad(total, has_aux=True)(outputs)

    got, want = loss(spoilt, foreign), loss(outputs, targets)
    jax.tree.map(np.testing.assert_array_equal, got, want)
    assert (want[0][~mask] == 0).all() and (want[1][~mask] == 0).all()
    assert (want[1][mask] != 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mixture(normal(), 0), "num_components must be a positive whole"),
        (lambda: discretized_logistic(1), "num_levels must be 2 or more, got 1"),
        (
            lambda: normal(log_scale_range=(2.0, 1.0)),
            r"log_scale_range must go from less to more, got \(2.0, 1.0\)",
        ),
        (
            lambda: bivariate_normal(most_atanh_correlation=0),
            "most_atanh_correlation must be above 0 and at most 10, got 0",
        ),
        (
            lambda: normal().params(jnp.zeros((4, 3))),
            r"outputs must end with an axis of 2, got shape \(4, 3\)",
        ),
        (
            lambda: graves_mixture().params(jnp.zeros(())),
            r"outputs must end with an axis of 121, got shape \(\)",
        ),
        (
            lambda: negative_log_likelihood(normal(), jnp.zeros((4, 2)), jnp.zeros(3)),
            r"targets must be of shape \(4,\), got \(3,\)",
        ),
        (
            lambda: negative_log_likelihood(
                normal(), jnp.zeros((4, 2)), jnp.zeros(4), jnp.ones(4)
            ),
            r"mask must be bool of shape \(4,\), got float32",
        ),
    ],
)
def test_wrong_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_targets_outside_the_support_give_nan():
    counts, levels = negative_binomial(), discretized_logistic(LEVELS)
    outputs = jnp.zeros(2)
    assert jnp.isnan(counts.log_prob(counts.params(outputs), -1))
    log_probs = levels.log_prob(levels.params(outputs), jnp.array([-1, 0, LEVELS]))
    assert jnp.isnan(log_probs).tolist() == [True, False, True]


def test_probabilities_of_levels_sum_to_one():
    density = discretized_logistic(256)
    outputs = np.random.default_rng(6).normal(scale=3, size=(9, 2)).astype(np.float32)
    params = jax.tree.map(lambda x: x[:, None], density.params(outputs))
    sums = jnp.exp(density.log_prob(params, jnp.arange(256))).sum(axis=-1)
    np.testing.assert_allclose(sums, 1, rtol=1e-5)
