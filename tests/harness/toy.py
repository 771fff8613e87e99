"""A tiny recurrent fit, for the tests of the harness.

It has what a real experiment has: parameters, an optimizer, a carry passed on, a key
for every update, evaluations that keep the best parameters and halve the learning rate,
samples, a learning curve. Its samples hold a digest of the whole state, so that two
runs can be compared without their checkpoints. It can fail in many ways, all of which a
resumed run may change.
"""

import dataclasses
import functools
import hashlib
import os
import signal
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.harness import (
    BadInput,
    MissingData,
    Run,
    TrainingConfig,
    fit,
    flag,
    guarded,
    main,
    restore,
)
from experiments.shared.figures import learning_curve


@dataclasses.dataclass(frozen=True)
class Config(TrainingConfig):
    """The toy's flags."""

    num_updates: int = flag(30, "updates in all")
    eval_every: int = flag(10, "updates between two evaluations")
    checkpoint_every: int = flag(10, "updates between two checkpoints")
    hidden_size: int = flag(5, "units of the carry", minimum=1)
    widths: tuple[int, ...] = flag((2, 4), "sizes without a use", minimum=1)
    learning_rate: float = flag(1e-2, "step size of Adam")
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


def loss_of(params, carry, inputs):
    """Predicts the next input from the carry."""

    def step(carry, x):
        carry = jnp.tanh(params["w"] @ carry + params["u"] @ x)
        return carry, params["v"] @ carry

    carry, outputs = jax.lax.scan(step, carry, inputs[:-1])
    return jnp.mean((outputs - inputs[1:]) ** 2), carry


evaluation = jax.jit(loss_of)


@functools.cache
def make_update(learning_rate):
    """Compiles once for all runs of a process."""
    optimizer = optax.adam(learning_rate)

    @jax.jit
    @guarded
    def update(state, i, data, poison):
        params = state["params"]
        start_key, noise_key = jax.random.split(jax.random.fold_in(state["key"], i))
        start = jax.random.randint(start_key, (), 0, len(data) - 17)
        inputs = jax.lax.dynamic_slice_in_dim(data, start, 17)
        inputs += 0.1 * jax.random.normal(noise_key, inputs.shape)
        grad = jax.value_and_grad(loss_of, has_aux=True)
        (loss, carry), grads = grad(params, state["carry"], inputs)
        grads = jax.tree.map(lambda g: g * poison, grads)
        updates, opt_state = optimizer.update(grads, state["opt_state"])
        updates = jax.tree.map(lambda u: u * state["rate"], updates)
        params = optax.apply_updates(params, updates)
        new = {"params": params, "opt_state": opt_state, "carry": carry}
        metrics = {"loss": loss, "grad_norm": optax.tree.norm(grads)}
        return {**state, **new}, metrics

    return optimizer, update


def digest(state):
    """Digests every bit of a state."""
    state = {**state, "key": jax.random.key_data(state["key"])}
    return hashlib.sha256(
        b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state))
    ).hexdigest()


def go_wrong(config: Config, place: str, count: int = -1):
    """Sends this process a signal where the flags want one."""
    if place == config.signal_in and count == config.signal_at:
        os.kill(os.getpid(), signal.Signals[config.signal])


def make_state(config: Config, optimizer):
    """Makes the first state."""
    h, d = config.hidden_size, 2
    init_key, key = jax.random.split(jax.random.key(config.seed))
    wkey, ukey, vkey = jax.random.split(init_key, 3)
    params = {
        "w": jax.random.normal(wkey, (h, h)) / h,
        "u": jax.random.normal(ukey, (h, d)),
        "v": jax.random.normal(vkey, (d, h)) / h,
    }
    return {
        "params": params,
        "opt_state": optimizer.init(params),
        "carry": jnp.zeros(h),
        "key": key,
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
            raise MissingData("The data set toy is missing:\n  toy.txt")
        case "bug":
            raise ZeroDivisionError("set-up")
    go_wrong(config, "setup")
    data = jax.random.normal(jax.random.key(config.seed + 1), (500, 2))
    run.record_data("text", hashlib.sha256(config.text.encode()).hexdigest())
    optimizer, compiled = make_update(config.learning_rate)

    def update(state, i):
        go_wrong(config, "update", i + 1)
        poison = config.poison if i + 1 == config.poison_at else 1.0
        return compiled(state, i, data, poison)

    def evaluate(state, n):
        go_wrong(config, "before_evaluation", n)
        loss, _ = evaluation(state["params"], state["carry"], data)
        run.log(n, validation_loss=loss)
        go_wrong(config, "evaluation", n)
        run.write_sample(n, digest(state))
        if config.print:
            run.print(config.print)
        match config.fails:
            case "late":
                raise ValueError("a bug")
            case "late_input":
                raise BadInput("a number is missing.", "numbers.txt", line=3)
        return after_evaluation(state, loss), {"validation_loss": float(loss)}

    def is_finished(state):
        done = int(state["num_evaluations"])
        go_wrong(config, "after_evaluation", done * config.eval_every)
        return done == config.max_evaluations

    state = make_state(config, optimizer)
    units = {"units_per_update": 16, "unit": "steps"}
    state = fit(run, state, update, evaluate, **units, is_finished=is_finished)
    run.write_sample(config.num_updates + 1, digest(state))
    run.write_plot("learning_curve", learning_curve(run.metrics(), levels={"mean": 1}))


def sample(config: Config, run: Run, num_steps: int):
    """Prints what it would sample from."""
    if config.fails == "input":
        raise ValueError("prompt must be of the vocabulary, got 'ß'.")
    optimizer, _ = make_update(config.learning_rate)
    done, state = restore(run.directory, make_state(config, optimizer))
    evaluated = int(state["num_evaluations"])
    print(f"{num_steps} steps after update {done} and {evaluated} evaluations")


PRESETS = {
    "small": Config(hidden_size=3, eval_every=15),
    "long": Config(num_updates=200, seed=2),
}

if __name__ == "__main__":
    main(train, Config, presets=PRESETS, sample=sample)
