"""A tiny recurrent fit, for the tests of the harness.

It has what a real experiment has: parameters, an optimizer, a carry handed on, a key
for every update, samples, a learning curve.
"""

import dataclasses
import hashlib
import os
import signal

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.harness import Run, RunConfig, flag, guarded, learning_curve, main


@dataclasses.dataclass(frozen=True)
class Config(RunConfig):
    """The toy's flags."""

    num_updates: int = flag(60, "updates in all")
    eval_every: int = flag(20, "updates between two evaluations")
    checkpoint_every: int = flag(5, "updates between two checkpoints")
    hidden_size: int = flag(5, "units of the carry", minimum=1)
    learning_rate: float = flag(1e-2, "step size of Adam")
    poison: str = flag("", "what to multiply the gradient with", resumable=True)
    poison_at: int = flag(-1, "in this update, counted from 0", resumable=True)
    kill_at: int = flag(-1, "send signals in this update", resumable=True)


def loss_of(params, carry, inputs):
    """Predicts the next input from the carry."""

    def step(carry, x):
        carry = jnp.tanh(params["w"] @ carry + params["u"] @ x)
        return carry, params["v"] @ carry

    carry, outputs = jax.lax.scan(step, carry, inputs[:-1])
    return jnp.mean((outputs - inputs[1:]) ** 2), carry


def train(config: Config, run: Run):
    """Trains."""
    key = jax.random.key(config.seed)
    h, d = config.hidden_size, 2
    kw, ku, kv, kd, ku_ = jax.random.split(key, 5)
    data = jax.random.normal(kd, (500, d))
    run.record_data("toy", hashlib.sha256(np.asarray(data).tobytes()).hexdigest())
    params = {
        "w": jax.random.normal(kw, (h, h)) / h,
        "u": jax.random.normal(ku, (h, d)),
        "v": jax.random.normal(kv, (d, h)) / h,
    }
    optimizer = optax.adam(config.learning_rate)
    poison = float(config.poison or 1.0)

    @jax.jit
    @guarded
    def update(state, i):
        params, opt_state, carry, noise_key = state
        start = jax.random.randint(jax.random.fold_in(ku_, i), (), 0, 480)
        inputs = jax.lax.dynamic_slice_in_dim(data, start, 17)
        noise = jax.random.normal(jax.random.fold_in(noise_key, i), inputs.shape)
        (loss, carry), grads = jax.value_and_grad(loss_of, has_aux=True)(
            params, carry, inputs + 0.1 * noise
        )
        factor = jnp.where(i == config.poison_at, poison, 1.0)
        grads = jax.tree.map(lambda g: g * factor, grads)
        updates, opt_state = optimizer.update(grads, opt_state)
        params = optax.apply_updates(params, updates)
        metrics = {"loss": loss, "grad_norm": optax.global_norm(grads)}
        return (params, opt_state, carry, noise_key), metrics

    def update_or_signal(state, i):
        if i == config.kill_at:
            os.kill(os.getpid(), int(os.environ.get("TOY_SIGNAL", signal.SIGTERM)))
        return update(state, i)

    evaluation = jax.jit(loss_of)

    def evaluate(state, n):
        params, _, carry, _ = state
        loss, carry = evaluation(params, carry, data[:50])
        run.log(n, validation_loss=loss)
        run.write_sample(n, f"{np.asarray(carry).tolist()}\n")
        if n == config.num_updates:
            figure = learning_curve(run.metrics(), levels={"mean": 1.0})
            run.write_plot("learning_curve", figure)
        return {"validation_loss": float(loss)}

    state = (params, optimizer.init(params), jnp.zeros(h), jax.random.key(7))
    return run.fit(state, update_or_signal, evaluate, units_per_update=16, unit="steps")


def sample(config: Config, run: Run, num_steps: int):
    """Prints what a checkpoint would be sampled to."""
    print(f"sample of {num_steps} from update {run.checkpoints.updates()[-1]}")


PRESETS = {"small": Config(hidden_size=3), "long": Config(num_updates=200, seed=2)}

if __name__ == "__main__":
    main(train, Config, presets=PRESETS, sample=sample)
