"""A tiny recurrent fit, for the tests of the harness.

It has what a real experiment has: parameters, an optimizer, a carry passed on, a key
for every update, evaluations that keep the best parameters and halve the learning rate,
samples, a plot. Its samples hold a digest of the whole state, so that two
runs can be compared without their checkpoints. It can fail in many ways, all of which a
resumed run may change.
"""

import dataclasses
import hashlib
import os
import signal
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from experiments import harness
from experiments.harness import Run, TrainingConfig, fit, flag, guarded, main, restore


@dataclasses.dataclass(frozen=True)
class Config(TrainingConfig):
    """The toy's flags."""

    num_updates: int = flag(30, "updates in all")
    eval_every: int = flag(10, "updates between two evaluations")
    checkpoint_every: int = flag(10, "updates between two checkpoints")
    hidden_size: int = flag(5, "units of the carry", minimum=1)
    widths: tuple[int, ...] = flag((2, 4), "sizes without a use", minimum=1)
    learning_rate: float = flag(1e-2, "step size")
    text: str = flag("", "data set to digest", resumable=True)
    poison: float = flag(1.0, "times the gradient", resumable=True)
    poison_at: int = flag(-1, "at this update, counted from 1", resumable=True)
    signal: Literal["SIGINT", "SIGTERM", "SIGUSR1"] = flag(
        "SIGTERM", "what arrives", resumable=True
    )
    signal_at: int = flag(-1, "at this update, counted from 1", resumable=True)
    signal_in: Literal[
        "setup", "update", "before_evaluation", "evaluation", "after_evaluation"
    ] = flag("update", "and where", resumable=True)
    max_evaluations: int = flag(-1, "finishes after so many", resumable=True)
    print: str = flag("", "what an evaluation prints, ☃ for one", resumable=True)
    fails: Literal["no", "input", "data", "bug", "late", "late_input"] = flag(
        "no", "what goes wrong", resumable=True
    )


@jax.jit
def loss_of(params, carry, inputs, targets):
    """Predicts the targets from the carry, which reads the inputs."""
    carry = jnp.tanh(carry / 2 + params["w"] @ inputs)
    return jnp.mean((params["v"] @ carry - targets) ** 2), carry


@jax.jit
@guarded
def compiled_update(state, i, data, learning_rate, poison):
    """Descends with momentum; compiles once for all runs of a process."""
    start_key, noise_key = jax.random.split(jax.random.fold_in(state["key"], i))
    start = jax.random.randint(start_key, (), 0, len(data) - 1)
    noise = 0.1 * jax.random.normal(noise_key, data.shape[1:])
    grad = jax.value_and_grad(loss_of, has_aux=True)
    batch = (data[start] + noise, data[start + 1])
    (loss, carry), grads = grad(state["params"], state["carry"], *batch)
    grads = jax.tree.map(lambda g: g * poison, grads)
    velocity = jax.tree.map(lambda v, g: 0.9 * v + g, state["velocity"], grads)
    rate = learning_rate * state["rate"]
    params = jax.tree.map(lambda p, v: p - rate * v, state["params"], velocity)
    new = {"params": params, "velocity": velocity, "carry": carry}
    norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(grads)))
    return {**state, **new}, {"loss": loss, "grad_norm": norm}


def digest(state):
    """Digests every bit of a state."""
    state = {**state, "key": jax.random.key_data(state["key"])}
    return hashlib.sha256(
        b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state))
    ).hexdigest()


def go_wrong(config: Config, place: str, count: int = -1):
    """Sends this process a signal where the flags ask for it."""
    if place == config.signal_in and count == config.signal_at:
        os.kill(os.getpid(), signal.Signals[config.signal])


class Picture:
    """Stands in for a figure, which would take long to draw."""

    def savefig(self, file, format):
        """Writes what would be drawn."""
        file.write(f"drawn as {format}".encode())


def make_state(config: Config):
    """Makes the first state."""
    rng, h = np.random.default_rng(config.seed), config.hidden_size
    params = {
        name: jnp.asarray(rng.normal(size=shape), jnp.float32)
        for name, shape in {"w": (h, 2), "v": (2, h)}.items()
    }
    return {
        "params": params,
        "velocity": jax.tree.map(jnp.zeros_like, params),
        "carry": jnp.zeros(h),
        "key": jax.random.key(config.seed),
        "best": params,
        "best_loss": jnp.inf,
        "rate": 1.0,
        "num_evaluations": 0,
    }


def after_evaluation(state, loss):
    """Keeps the best parameters and halves the learning rate."""
    is_best = loss < state["best_loss"]
    return {
        **state,
        "best": jax.tree.map(
            lambda new, old: jnp.where(is_best, new, old),
            state["params"],
            state["best"],
        ),
        "best_loss": jnp.minimum(loss, state["best_loss"]),
        "rate": state["rate"] * 0.5,
        "num_evaluations": state["num_evaluations"] + 1,
    }


def train(config: Config, run: Run):
    """Trains."""
    match config.fails:
        case "input":
            raise ValueError("text must not be empty, got ''.")
        case "data":
            raise harness.MissingData("The data set toy is missing:\n  toy.txt")
        case "bug":
            raise ZeroDivisionError("set-up")
    go_wrong(config, "setup")
    rng = np.random.default_rng(config.seed + 1)
    data = rng.normal(size=(50, 2)).astype(np.float32)
    run.record_data("text", hashlib.sha256(config.text.encode()).hexdigest())

    def update(state, i):
        go_wrong(config, "update", i + 1)
        poison = config.poison if i + 1 == config.poison_at else 1.0
        return compiled_update(state, i, data, config.learning_rate, poison)

    def evaluate(state, n):
        go_wrong(config, "before_evaluation", n)
        loss, _ = loss_of(state["params"], state["carry"], data[0], data[1])
        run.log(n, validation_loss=loss)
        go_wrong(config, "evaluation", n)
        run.write_sample(n, digest(state))
        if config.print:
            run.print(config.print)
        match config.fails:
            case "late":
                raise ValueError("a bug")
            case "late_input":
                raise harness.BadInput("a number is missing.", "numbers.txt", line=3)
        return after_evaluation(state, loss), {"validation_loss": float(loss)}

    def is_finished(state):
        done = int(state["num_evaluations"])
        go_wrong(config, "after_evaluation", done * config.eval_every)
        return done == config.max_evaluations

    state = make_state(config)
    units = {"units_per_update": 1, "unit": "steps"}
    state = fit(run, state, update, evaluate, **units, is_finished=is_finished)
    run.write_sample(config.num_updates + 1, digest(state))
    run.write_plot("picture", Picture())


def sample(config: Config, run: Run, num_steps: int):
    """Prints what it would sample from."""
    if config.fails == "input":
        raise ValueError("prompt must be of the vocabulary, got 'ß'.")
    done, state = restore(run.directory, make_state(config))
    evaluated = int(state["num_evaluations"])
    print(f"{num_steps} steps after update {done} and {evaluated} evaluations")


PRESETS = {
    "small": Config(hidden_size=3, eval_every=15),
    "long": Config(num_updates=200, seed=2),
}

if __name__ == "__main__":
    main(train, Config, presets=PRESETS, sample=sample)
