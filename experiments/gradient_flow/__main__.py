"""Why gradients vanish and explode, and what helps: the figures of a lecture.

Twelve networks learn side by side to name, at the end of a sequence, the symbol that
came first. Before, during and after training, the gradient of a step's output with
respect to earlier carries is measured by its lag. Four more figures show: the norm of W
swept from vanishing to exploding, with the Lyapunov exponent; the learning curve with
and without clipping; the error surface with its wall; the route to chaos.

  python -m experiments.gradient_flow

To compare with: the gradient of a linear network with ‖W‖₂ = g and W / g orthogonal
changes by the factor g per step; a carry that an orthogonal matrix turns keeps it at 1.
What this command found, on which machine and in what time, is in
docs/vanishing_gradients.md.

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
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.nn import initializers

from experiments.gradient_flow import chaos, clipping, lags, sweep, wall
from experiments.gradient_flow.cost import share_of_training
from experiments.gradient_flow.dilated_cell import dilated_stack_cell
from experiments.gradient_flow.recall import INPUT_SIZE, NUM_SYMBOLS, sample_batch
from experiments.harness import Run, TrainingConfig, fit, flag, guarded, main
from rnnjax import (
    Cell,
    Layer,
    cross_entropy,
    dense,
    elman,
    gru,
    lstm,
    lstm_variant,
    recurrent,
    stack,
)
from rnnjax.base import Array
from rnnjax.cells.antisymmetric import antisymmetric_rnn
from rnnjax.cells.higher_order import higher_order
from rnnjax.cells.orthogonal import orthogonal_rnn

DILATIONS = 1, 4, 16
MAX_NORM = 1.0


@dataclasses.dataclass(frozen=True)
class Config(TrainingConfig):
    """Flags of the figures about gradients."""

    hidden_size: int = flag(32, "width of every carry", minimum=1)
    num_steps: int = flag(50, "steps per sequence", minimum=2)
    batch_size: int = flag(32, "sequences per update", minimum=1)
    num_measured: int = flag(4, "sequences that gradients are measured on", minimum=1)
    learning_rate: float = flag(3e-3, "of Adam, after clipping to norm 1", minimum=0)
    clipping_updates: int = flag(800, "updates with and without clipping", minimum=1)
    num_updates: int = flag(400, "number of parameter updates")
    eval_every: int = flag(200, "updates between measurements")
    checkpoint_every: int = flag(200, "updates between checkpoints")


class Network(NamedTuple):
    """A cell, and its title in the figures."""

    label: str
    cell: Cell


def make_networks(hidden_size: int) -> dict[str, Network]:
    """Makes the networks, by their names in the results.

    Args:
      hidden_size: width of every carry, of each layer in the dilated network.
    """
    normal = initializers.lecun_normal()
    kept_by_relu = initializers.variance_scaling(2.0, "fan_in", "normal")
    a_quarter = initializers.variance_scaling(0.25, "fan_in", "normal")
    H = hidden_size
    return {
        "tanh": Network("tanh, normal W", elman(H, recurrent_kernel_init=normal)),
        "tanh_orthogonal": Network("tanh, W starts orthogonal", elman(H)),
        "relu": Network(
            "ReLU",
            elman(H, activation="relu", recurrent_kernel_init=kept_by_relu),
        ),
        "orthogonal": Network("modReLU, W stays orthogonal", orthogonal_rnn(H)),
        "lstm_no_forget": Network("LSTM, no forget gate", lstm_variant(H, gates="io")),
        "lstm_forget_0": Network("LSTM, forget bias 0", lstm(H, forget_bias=0.0)),
        "lstm_forget_5": Network("LSTM, forget bias 5", lstm(H, forget_bias=5.0)),
        "gru_update_0": Network("GRU, update bias 0", gru(H, update_bias=0.0)),
        "gru_update_5": Network("GRU, update bias 5", gru(H, update_bias=5.0)),
        "skips": Network(
            "tanh, skips of 1 to 4 steps",
            higher_order(H, 4, recurrent_kernel_init=a_quarter),
        ),
        "residual": Network(
            "residual through time", antisymmetric_rnn(H, step_size=0.1)
        ),
        "dilated": Network(
            f"tanh, dilations {', '.join(map(str, DILATIONS))}",
            dilated_stack_cell(H, DILATIONS),
        ),
    }


def make_model(cell: Cell) -> Layer:
    """Makes a network: the cell, and at every step logits of the first symbol."""
    return stack(recurrent(cell), dense(NUM_SYMBOLS))


def last_loss(model: Layer, params: Any, inputs: Array, symbols: Array) -> Array:
    """Computes the loss: the mean cross entropy of the last step, in nats."""
    _, logits = model.apply(params, None, inputs)
    return cross_entropy(logits[-1:], symbols[None]).mean()


def make_update(
    config: Config,
    networks: dict[str, Network],
    optimizer: optax.GradientTransformation,
) -> Callable[[Any, Any], tuple[Any, dict[str, Any]]]:
    """Makes the update of all networks, each with the same batch."""
    data_key = jax.random.fold_in(jax.random.key(config.seed), 1)

    def update(state, index):
        key = jax.random.fold_in(data_key, index)
        batch = sample_batch(key, config.num_steps, config.batch_size)
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

    return jax.jit(guarded(update))


def make_measure(config: Config, networks: dict[str, Network]) -> Callable[[Any], Any]:
    """Makes `measure(params)`: the gradients' norms by lag, on a batch of its own."""
    key = jax.random.fold_in(jax.random.key(config.seed), 2)
    batch = sample_batch(key, config.num_steps, config.num_measured)

    def measure(params):
        return {
            name: lags.measure(network.cell, params[name], *batch)
            for name, network in networks.items()
        }

    return jax.jit(measure)


class Prepared(NamedTuple):
    """What a configuration asks for."""

    networks: dict[str, Network]
    optimizer: optax.GradientTransformation
    update: Callable[[Any, Any], tuple[Any, dict[str, Any]]]
    measure: Callable[[Any], Any]
    state: dict[str, Any]  # before the first update


def prepare(config: Config) -> Prepared:
    """Makes networks, optimizer, update and measurement, and the first state."""
    networks = make_networks(config.hidden_size)
    optimizer = optax.chain(
        optax.clip_by_global_norm(MAX_NORM), optax.adam(config.learning_rate)
    )
    keys = jax.random.split(jax.random.key(config.seed), len(networks))
    params = {
        name: make_model(network.cell).init(key, INPUT_SIZE)
        for key, (name, network) in zip(keys, networks.items())
    }
    state = {
        "params": params,
        "opt_state": {name: optimizer.init(own) for name, own in params.items()},
        "losses": {name: jnp.zeros(()) for name in networks},
    }
    update = make_update(config, networks, optimizer)
    return Prepared(networks, optimizer, update, make_measure(config, networks), state)


def train(config: Config, run: Run) -> None:
    """Trains the networks, measures and plots their gradients, then all the rest."""
    networks, _, update, measure, state = prepare(config)

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
    labels = {name: network.label for name, network in networks.items()}
    run.write_plot("gradient_by_lag", lags.plot(labels, snapshots))
    lives = {done: half_lives(norms) for done, norms in snapshots.items()}
    run.log(last, half_lives=lives[last], half_lives_before=lives[0])
    print_table(config, run, labels, lives, trained["losses"])
    share = share_of_training(
        lambda: update(trained, 0), lambda: measure(trained["params"])
    )
    run.log(last, share_of_diagnostics=share)
    run.print(f"diagnostics every 100 updates: {share:.1%} of the training time\n")
    for show in (show_sweep, show_clipping, show_wall, show_chaos):
        show(config, run)


def as_json(norms: dict[str, Any]) -> dict[str, list[list[float]]]:
    """Converts norms by lag to lists of mean, low and high, to four digits."""
    return {
        name: [[float(f"{x:.4g}") for x in np.asarray(band)] for band in bands]
        for name, bands in norms.items()
    }


def half_lives(norms: dict[str, Any]) -> dict[str, float | None]:
    """Finds the half life of each network's gradient; None: longer than all lags."""
    return {name: lags.half_life(np.asarray(bands[0])) for name, bands in norms.items()}


def print_table(config, run, labels, lives, losses) -> None:
    """Prints the half lives of the gradients, and the losses of the networks."""
    columns = "".join(f"{done:>9}" for done in lives)
    run.print(
        f"\nhalf life of the gradient in steps, by updates done\n{'':28}{columns}  loss"
    )
    for name, label in labels.items():
        steps = [
            lags.format_steps(own[name], config.num_steps) for own in lives.values()
        ]
        row = "".join(f"{text:>9}" for text in steps)
        run.print(f"{label:28}{row}  {float(losses[name]):.2f}")
    run.print(f"(loss in nats, over the last updates; chance is {math.log(4):.2f})")


def show_sweep(config: Config, run: Run) -> None:
    """Sweeps the norm of W and compares the gradient's rate with the exponent."""
    found = {name: sweep.sweep(name, config.seed) for name in ("identity", "tanh")}
    run.write_plot("norm_of_W", sweep.plot(found["identity"], found["tanh"]))
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
            f"most {share:.2g} of it, or {apart:.1g} nats per step"
        )


def show_clipping(config: Config, run: Run) -> None:
    """Trains with and without clipping."""
    seeds = 8 * config.seed + np.arange(8)
    plain, clipped = (
        clipping.train(make_model, last_loss, max_norm, config.clipping_updates, seeds)
        for max_norm in (math.inf, clipping.MAX_NORM)
    )
    run.write_plot("clipping", clipping.plot(plain, clipped))
    learned = clipping.num_learned(plain), clipping.num_learned(clipped)
    run.log(config.num_updates, learned_plain=learned[0], learned_clipped=learned[1])
    run.print(f"seeds out of 8 that learn: {learned[0]} plain, {learned[1]} clipped")


def show_wall(config: Config, run: Run) -> None:
    """Descends the error surface with and without clipping."""
    over = wall.surface(101)
    plain, clipped = wall.descend(math.inf), wall.descend(wall.MAX_NORM)
    run.write_plot("error_surface", wall.plot(over, plain, clipped))
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
    run.write_plot("route_to_chaos", chaos.plot(gains, h, exponents))
    first, largest = chaos.onset(gains, exponents), float(exponents.max())
    run.log(config.num_updates, chaos_onset=first, chaos_largest_exponent=largest)
    run.print(
        f"chaos from gain {first:.2f}; exponent up to {largest:.2f} nats per step"
    )


if __name__ == "__main__":
    main(train, Config)
