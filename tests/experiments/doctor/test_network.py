"""Trouble planted in the network, its loss and its training is found by its name."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import nn

from experiments.doctor import units
from experiments.doctor.blow_up import find_blow_ups, replay
from experiments.doctor.observe import observe
from experiments.doctor.rates import check_rates, dropout, learning_rate
from experiments.doctor.trial import Trial
from experiments.doctor.units import check_units, growth_rate
from experiments.shared.optimizers import OptimizerFlags
from rnnjax import elman, lstm, recurrent, stack
from rnnjax.losses.tokens import cross_entropy
from tests.experiments.doctor import trainings
from tests.experiments.doctor.trainings import NUM_ROWS, NUM_STEPS, WIDTH, training

NUM_UPDATES = 8


@dataclasses.dataclass(frozen=True)
class Config(OptimizerFlags):
    dropout_rate: float = 0.0


@functools.cache
def trial_of(**options):
    """Trains with these options of the loss; compiled once."""
    rate = options.pop("rate", 0.03)
    loss = functools.partial(trainings.loss, **options)
    made = training(loss=loss, optimizer=optax.adam(rate))
    return Trial(made, num_updates=NUM_UPDATES)


def found(trial, params, config=None):
    """Returns the trouble of the network, and of the rates if there is a config."""
    tried = params, trial, trial.path(params)
    trouble = [*check_units(*tried)]
    if config is not None:
        trouble += check_rates(*tried, config)
    return {finding.name: finding for finding in trouble}


def with_loss(**options):
    return training(loss=functools.partial(trainings.loss, **options))


def changed(**factors):
    params = training().params
    return {name: factors.get(name, 1) * x for name, x in params.items()}


# ---- observing


def test_observing_changes_nothing_and_sees_every_step():
    """Values in NumPy; how far a gradient reaches is J' ... J' v for the v drawn."""
    made, key = training(), jax.random.key(0)
    arguments = made.params, made.batch(0), key
    loss, values = jax.jit(lambda *x: observe(made.loss, *x)[:2])(*arguments)
    np.testing.assert_allclose(loss, made.loss(*arguments), rtol=1e-6)
    kernel, weights = (np.array(made.params[x]) for x in ("kernel", "recurrent"))
    x, h, jacobians = made.batch(0).inputs, np.zeros((NUM_ROWS, WIDTH)), []
    for t in range(NUM_STEPS):
        np.testing.assert_allclose(values["recurrence 0, carry 0"][t], h, atol=1e-5)
        h = np.tanh(x[:, t] @ kernel + h @ weights)
        np.testing.assert_allclose(values["recurrence 0, tanh 0"][t], h, atol=1e-5)
        jacobians.append((1 - h**2)[:, :, None] * weights.T)
    v = np.array(jax.random.normal(jax.random.fold_in(jax.random.key(0), 0), h.shape))
    for t in reversed(range(NUM_STEPS)):
        v = np.einsum("bi,bij->bj", v, jacobians[t])
        reach = values["recurrence 0, reach"][t]
        np.testing.assert_allclose(reach, np.linalg.norm(v, axis=1), rtol=1e-4)


def test_the_growth_of_a_gradient():
    norms = 0.5 ** np.arange(12.0)[::-1, None] * np.ones((1, 3))
    np.testing.assert_allclose(growth_rate(norms), np.log(0.5))
    held = np.concatenate([norms, np.ones((4, 3))])  # padding leaves it as it is
    np.testing.assert_allclose(growth_rate(held), np.log(0.5))
    cut = norms.copy()
    cut[:5] = 0  # a reset
    np.testing.assert_allclose(growth_rate(cut), np.log(0.5))
    assert growth_rate(np.full((12, 3), np.inf)) == np.inf
    assert growth_rate(norms[:3]) is None and growth_rate(0 * norms) is None


# ---- activations and losses


def test_a_healthy_network():
    assert not found(trial_of(), training().params, Config(learning_rate=0.03))


@pytest.mark.parametrize(
    ("squash", "name"),
    [
        (nn.softmax, "softmax before a loss that takes logits"),
        (nn.sigmoid, "sigmoid before a loss that takes logits"),
        (jnp.tanh, "tanh before a loss that takes logits"),
        (nn.relu, "relu before a loss that takes logits"),
        (lambda x: 3 * x, None),
        (nn.log_softmax, None),
    ],
)
def test_an_activation_before_a_loss_that_takes_logits(squash, name):
    made = with_loss(squash=squash)
    squashed, least_log = origins_of(
        made.loss, made.params, made.batch(0), jax.random.key(0)
    )
    assert not least_log
    trouble = units.activation_before_the_loss(Seen(squashed), Seen())
    assert [finding.name for finding in trouble] == ([name] if name else [])


def origins_of(function, *arguments):
    """Returns what the tags show; nothing is computed."""
    seen = []

    def traced(*arguments):
        *_, origins = observe(function, *arguments)
        seen[:] = origins.squashed, len(origins.least_log)

    jax.eval_shape(traced, *arguments)
    return seen


class Seen:
    """As much of a trial and of a look as a check needs."""

    def __init__(self, squashed=(), least_log=()):
        self.squashed, self.least_log = squashed, least_log


def bits(scores, targets):
    return nn.softplus(scores) - targets * scores


@pytest.mark.parametrize(
    ("loss", "squashed", "num_logs"),
    [
        (lambda x: bits(x, 1), [], 0),
        (lambda x: bits(nn.sigmoid(x), 1), ["sigmoid"], 0),
        (lambda x: optax.sigmoid_binary_cross_entropy(x, 1), [], 0),
        (
            lambda x: optax.sigmoid_binary_cross_entropy(nn.sigmoid(x), 1),
            ["sigmoid"],
            0,
        ),
        (lambda x: -jnp.log(nn.softmax(x)), [], 0),
        (lambda x: -jnp.log(nn.sigmoid(x)), [], 0),
        (lambda x: -jnp.log(x), [], 1),
        (lambda x: -jnp.log(jnp.clip(x, 1e-7, 1)), [], 0),
        (lambda x: jnp.log(jnp.exp(x) @ jnp.exp(x).T), [], 0),
        (lambda x: nn.softmax(nn.sigmoid(x)), [], 0),
    ],
)
def test_where_the_arguments_of_a_loss_come_from(loss, squashed, num_logs):
    kernel = jnp.array([[1.0, -2.0], [0.5, 0.3]])
    found = origins_of(lambda x: loss(x @ kernel).sum(), jnp.eye(2))
    assert found == [squashed, num_logs]


def test_origins_pass_through_a_recurrence():
    layer = stack(recurrent(lstm(4)), recurrent(elman(3)))
    params = layer.init(jax.random.key(0), 2)

    def loss(inputs):
        _, outputs = layer.apply(params, None, inputs)
        return cross_entropy(outputs, jnp.zeros(outputs.shape[:-1], int)).sum()

    assert origins_of(loss, jnp.ones((5, 3, 2))) == [["tanh"], 0]


def test_logits_before_a_loss_that_takes_probabilities():
    trouble = units.activation_before_the_loss(Seen(), Seen(least_log=[-1.5]))
    (name,) = [finding.name for finding in trouble]
    assert name == "logits before a loss that takes probabilities"


# ---- inside


def test_saturated_units():
    trouble = found(trial_of(), changed(kernel=1000))
    assert trouble["saturated units"].level == "serious"


def test_dead_units():
    trial = trial_of(activation=dying)
    trouble = found(trial, training().params)
    assert trouble.keys() == {"dead units", "no gradient"}
    assert "100 % of the 5 units" in trouble["dead units"].text


def dying(x):
    return nn.relu(x - 50)


def test_gradients_that_vanish_or_explode_through_time():
    vanishing = found(trial_of(), changed(recurrent=1e-2))
    assert vanishing.keys() == {"gradients vanish through time"}
    exploding = found(trial_of(activation=jnp.asarray), changed(recurrent=10))
    assert exploding.keys() == {"gradients explode through time", "large gradient"}


# ---- rates


@pytest.mark.parametrize(
    ("rate", "name"),
    [
        (3.0, "learning rate too high"),
        (0.03, None),
        (1e-6, "learning rate too low"),
    ],
)
def test_learning_rates(rate, name):
    trial, params, config = (
        trial_of(rate=rate),
        training().params,
        Config(learning_rate=rate),
    )
    tried = params, trial, trial.path(params)
    trouble = {x.name: x for x in check_rates(*tried, config)}
    assert trouble.keys() == ({name} if name else set())
    if name:
        advised = trouble[name].flags["learning_rate"]
        assert advised in ("0.003", "0.03", "0.3", "0.001 or more")


def test_gains_are_judged():
    gains = dict.fromkeys((1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0), -np.inf)
    (only,) = learning_rate({**gains, 1.0: -0.1}, 0.1)
    assert only.name == "nothing is learned"
    (only,) = learning_rate(gains, 1e9)
    assert only.flags == {"learning_rate": 0.001}
    (only,) = learning_rate({**gains, 1e-3: 0.5, 1e-2: 0.4}, 10)
    assert only.level == "serious" and "no longer finite" in only.text
    (only,) = learning_rate({**gains, 0.1: 0.5, 1.0: 0.1}, 10)
    assert only.level == "warning" and "has fallen by 0.1" in only.text
    assert not list(learning_rate({**gains, 0.1: 0.1, 1.0: 0.4, 10.0: 0.5}, 1))


def test_too_much_dropout():
    def loss(params, batch, key):
        kept = jax.random.bernoulli(key, 0.05, (NUM_ROWS, WIDTH)) / 0.05
        head = params["head"]
        scores = trainings.logits({**params, "head": jnp.eye(WIDTH)}, batch)
        return cross_entropy(kept * scores @ head, jnp.asarray(batch.targets)).mean()

    trial = Trial(training(loss=loss), num_updates=1)
    (found,) = dropout(training().params, trial, Config(dropout_rate=0.95))
    assert found.name == "dropout too high" and found.level == "serious"
    assert found.flags == {"dropout_rate": "0.5 or less"}
    (found,) = dropout(training().params, trial, Config(dropout_rate=0.8))
    assert found.level == "warning"
    assert not list(dropout(training().params, trial, Config(dropout_rate=0.5)))


# ---- after a divergence


def test_a_blow_up_is_placed():
    """A bad input at step 4 is in the carry of step 5; its gradient is bad before."""
    made = training()
    batch = made.batch(0)
    inputs = np.array(batch.inputs)
    inputs[2, 4, 0] = np.nan
    batch = batch._replace(inputs=inputs)
    find = jax.jit(functools.partial(find_blow_ups, made))
    found = find(made.params, batch, jax.random.key(0))
    assert found.first_forward() == (4, "recurrence 0, tanh 0")
    forward = dict(zip(found.places, found.forward.tolist()))
    assert forward == {"recurrence 0, carry 0": 5, "recurrence 0, tanh 0": 4}
    assert found.first_backward() == (NUM_STEPS - 1, "recurrence 0, carry 0")


def test_an_update_that_diverges_is_repeated():
    made = with_loss(activation=jnp.asarray)._replace(optimizer=optax.sgd(1e20))
    found = replay(made, made.params, 0, jax.random.key(0))
    assert found is not None and 0 < found.update < 5 and not found.bad_inputs
    still = training(optimizer=optax.sgd(0.0), epoch_length=2)
    assert replay(still, still.params, 0, jax.random.key(0)) is None
