"""Why gradients vanish and explode, and what helps: the lectures' pictures.

Twelve networks learn side by side to name, at the end of a sequence, the symbol that
came first. Before, during and after this training the gradient of a step's output by
the carries before it is measured by its lag. Four more pictures: the norm of W swept
from vanishing to exploding, with the Lyapunov exponent beside it; the learning curve
with and without clipping; the error surface with its wall; the route to chaos.

  python -m experiments.gradient_flow

To compare with: the gradient of a linear network with ‖W‖₂ = g and W / g orthogonal
changes by the factor g a step; a carry that an orthogonal matrix turns keeps it at 1.
What this command found, where and how long it took is in the README.

References:
  Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
  networks", ICML 2013; Bengio, Simard and Frasconi, "Learning Long-Term Dependencies
  with Gradient Descent is Difficult", IEEE Transactions on Neural Networks 1994, for
  the task; Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation
  1997.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.gradients import chaos, clipping, lags, sweep, wall
from experiments.gradients.cost import share_of_training
from experiments.gradients.networks import Network, make_networks
from experiments.gradients.recall import INPUT_SIZE, draw_batch, last_loss, make_model
from experiments.harness import Run, TrainingConfig, fit, flag, guarded, main


@dataclasses.dataclass(frozen=True)
class Config(TrainingConfig):
    """Flags of the gradients' pictures."""

    hidden_size: int = flag(32, "width of every carry", minimum=1)
    num_steps: int = flag(50, "steps of a sequence", minimum=2)
    batch_size: int = flag(32, "sequences of an update", minimum=1)
    num_measured: int = flag(4, "sequences that gradients are measured on", minimum=1)
    learning_rate: float = flag(3e-3, "of Adam; gradients are clipped at norm 1")
    clipping_updates: int = flag(800, "updates with and without clipping", minimum=1)
    num_updates: int = flag(400, "updates of the parameters in all")
    eval_every: int = flag(200, "updates between two measurements")
    checkpoint_every: int = flag(200, "updates between two checkpoints")


def train(config: Config, run: Run) -> None:
    """Trains the networks, measures and draws their gradients, then all the rest."""
    networks = make_networks(config.hidden_size)
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adam(config.learning_rate)
    )
    state = init(config, networks, optimizer)
    update = jax.jit(guarded(make_update(config, networks, optimizer)))
    measure = make_measure(config, networks)

    def evaluate(state, done):
        norms = measure(state["params"])
        run.log(done, gradient_norms=as_json(norms))
        kept = [life is None for life in half_lives(norms).values()]
        return state, {"kept_over_all_lags": float(sum(kept))}

    run.print(f"compiling the gradients of {len(networks)} networks by lag ...")
    before = {0: measure(state["params"])}
    units = {"units_per_update": config.batch_size, "unit": "sequences"}
    trained = fit(run, state, update, evaluate, **units)
    measured = {
        line["update"]: line["gradient_norms"]
        for line in run.metrics()
        if "gradient_norms" in line
    }
    middle = min(measured, key=lambda done: abs(done - config.num_updates / 2))
    last = config.num_updates
    snapshots = before | {done: measured[done] for done in (middle, last)}
    run.write_plot("gradient_by_lag", lags.draw(networks, snapshots))
    lives = {done: half_lives(norms) for done, norms in snapshots.items()}
    run.log(last, half_lives=lives[last], half_lives_before=lives[0])
    say_table(config, run, networks, lives, trained["losses"])
    share = share_of_training(
        lambda: update(trained, 0), lambda: measure(trained["params"])
    )
    run.log(last, share_of_diagnostics=share)
    run.print(f"diagnostics every 100 updates: {share:.1%} of the training's time\n")
    for show in (show_sweep, show_clipping, show_wall, show_chaos):
        show(config, run)


def init(config: Config, networks: dict[str, Network], optimizer) -> dict[str, Any]:
    """Makes the first state: parameters, optimizer and losses of every network."""
    keys = jax.random.split(jax.random.key(config.seed), len(networks))
    params = {
        name: make_model(network.cell).init(key, INPUT_SIZE)
        for key, (name, network) in zip(keys, networks.items())
    }
    losses = {name: jnp.zeros(()) for name in networks}
    opt_state = {name: optimizer.init(own) for name, own in params.items()}
    return {"params": params, "opt_state": opt_state, "losses": losses}


def make_update(
    config: Config, networks: dict[str, Network], optimizer
) -> Callable[[Any, Any], tuple[Any, dict[str, Any]]]:
    """Makes the update of all networks, each by the same batch."""
    data_key = jax.random.fold_in(jax.random.key(config.seed), 1)

    def update(state, index):
        key = jax.random.fold_in(data_key, index)
        batch = draw_batch(key, config.num_steps, config.batch_size)
        new = {"params": {}, "opt_state": {}, "losses": {}}
        norms = []
        for name, network in networks.items():
            model, params = make_model(network.cell), state["params"][name]
            loss, grads = jax.value_and_grad(last_loss, 1)(model, params, *batch)
            updates, opt_state = optimizer.update(
                grads, state["opt_state"][name], params
            )
            new["params"][name] = optax.apply_updates(params, updates)
            new["opt_state"][name] = opt_state
            new["losses"][name] = 0.9 * state["losses"][name] + 0.1 * loss
            norms.append(optax.tree.norm(grads))
        loss = jnp.stack(list(new["losses"].values())).mean()
        return new, {"loss": loss, "grad_norm": jnp.stack(norms).max()}

    return update


def make_measure(config: Config, networks: dict[str, Network]) -> Callable[[Any], Any]:
    """Makes what measures the gradients of all networks on sequences of their own."""
    key = jax.random.fold_in(jax.random.key(config.seed), 2)
    batch = draw_batch(key, config.num_steps, config.num_measured)

    def measure(params):
        return {
            name: lags.measure(network.cell, params[name], *batch)
            for name, network in networks.items()
        }

    return jax.jit(measure)


def as_json(norms: dict[str, Any]) -> dict[str, list[list[float]]]:
    """Turns norms by lag into lists of mean, low and high, to four digits."""
    return {
        name: [[float(f"{x:.4g}") for x in np.asarray(band)] for band in bands]
        for name, bands in norms.items()
    }


def half_lives(norms: dict[str, Any]) -> dict[str, float | None]:
    """Finds the half life of every network's gradient; None: longer than all lags."""
    return {name: lags.half_life(np.asarray(bands[0])) for name, bands in norms.items()}


def say_table(config, run, networks, lives, losses) -> None:
    """Prints the half lives of the gradients, and what the networks learned."""
    columns = "".join(f"{done:>9}" for done in lives)
    run.print(
        f"\nhalf life of the gradient, steps, after updates\n{'':28}{columns}  loss"
    )
    for name, network in networks.items():
        steps = [lags.say_steps(own[name], config.num_steps) for own in lives.values()]
        row = "".join(f"{text:>9}" for text in steps)
        run.print(f"{network.label:28}{row}  {float(losses[name]):.2f}")
    run.print(f"(loss in nats, over the last updates; chance is {math.log(4):.2f})")


def show_sweep(config: Config, run: Run) -> None:
    """Sweeps the norm of W, and compares the gradient's rate with the exponent."""
    found = {name: sweep.sweep(name, config.seed) for name in ("identity", "tanh")}
    run.write_plot("norm_of_W", sweep.draw(found["identity"], found["tanh"]))
    for name, own in found.items():
        apart, share = sweep.differences(own)
        run.log(
            config.num_updates,
            **{
                f"sweep_{name}_rates": own.rates.tolist(),
                f"sweep_{name}_exponents": own.exponents.tolist(),
                f"sweep_{name}_share_apart": share,
            },
        )
        run.print(
            f"{name}: the gradient's rate differs from the Lyapunov exponent by at "
            f"most {share:.2g} of it, {apart:.1g} nats a step"
        )


def show_clipping(config: Config, run: Run) -> None:
    """Trains with and without clipping."""
    seeds = 8 * config.seed + np.arange(8)
    plain, clipped = (
        clipping.train(max_norm, config.clipping_updates, seeds)
        for max_norm in (math.inf, clipping.MAX_NORM)
    )
    run.write_plot("clipping", clipping.draw(plain, clipped))
    learned = clipping.num_learned(plain), clipping.num_learned(clipped)
    run.log(config.num_updates, learned_plain=learned[0], learned_clipped=learned[1])
    run.print(f"seeds of 8 that learn: {learned[0]} plain, {learned[1]} clipped")


def show_wall(config: Config, run: Run) -> None:
    """Descends the error surface with and without clipping."""
    over = wall.surface(101)
    plain, clipped = wall.descend(math.inf), wall.descend(wall.MAX_NORM)
    run.write_plot("error_surface", wall.draw(over, plain, clipped))
    numbers = {
        "wall_largest_norm": float(over.norms.max()),
        "wall_error_plain": float(plain.losses[-1]),
        "wall_error_clipped": float(clipped.losses[-1]),
    }
    run.log(config.num_updates, **numbers)
    run.print(
        f"at the wall: gradients up to {over.norms.max():,.0f}; error after "
        f"{wall.NUM_UPDATES} updates {plain.losses[-1]:.3f} plain, "
        f"{clipped.losses[-1]:.3f} clipped"
    )


def show_chaos(config: Config, run: Run) -> None:
    """Follows two units to chaos."""
    gains = np.linspace(0.1, 4.8, 1200)
    h, exponents = chaos.orbits(gains)
    run.write_plot("route_to_chaos", chaos.draw(gains, h, exponents))
    first, largest = chaos.onset(gains, exponents), float(exponents.max())
    run.log(config.num_updates, chaos_onset=first, chaos_largest_exponent=largest)
    run.print(f"chaos from gain {first:.2f}; exponent up to {largest:.2f} nats a step")


if __name__ == "__main__":
    main(train, Config)
