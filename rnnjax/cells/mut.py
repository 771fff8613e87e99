"""MUT1 to MUT3, the best of ten thousand cells in a search over architectures."""

from collections.abc import Callable
from typing import NamedTuple, Unpack

import jax.numpy as jnp
from jax.nn import sigmoid

from rnnjax.base import Array, Cell, Factors, Params, factored_cell
from rnnjax.cells.parts.gated import carry_as_output, driven, gated_init, zero_carry
from rnnjax.cells.parts.weights import Weights, cell_maker
from rnnjax.products import matmul, split


class _Mutant(NamedTuple):
    """What distinguishes a mutant from the others.

    Attributes:
      recurrent: the gates and candidates that have a recurrent matrix.
      update_kernel: whether that of z is a parameter of its own, which takes tanh(h).
      input_activation: applied to Uₙ x, before bₙ is added.
    """

    recurrent: str = "rzn"
    update_kernel: bool = False
    input_activation: Callable[[Array], Array] | None = None


MUT1 = _Mutant(recurrent="rn", input_activation=jnp.tanh)
MUT2 = _Mutant()
MUT3 = _Mutant(update_kernel=True)


def mut1_step(params: Params, carry: Array, inputs: Array) -> tuple[Array, Array]:
    """Computes one step of MUT1, whose update gate depends on the inputs alone.

        zₜ = σ(U_z xₜ + b_z)
        rₜ = σ(Uᵣ xₜ + Wᵣ hₜ₋₁ + bᵣ)
        nₜ = tanh(Wₙ (rₜ ∘ hₜ₋₁) + tanh(Uₙ xₜ) + bₙ)
        hₜ = nₜ ∘ zₜ + hₜ₋₁ ∘ (1 - zₜ)

    Args:
      params: dict of `kernel` U `[input_size, 3 * hidden_size]`, `recurrent_kernel` Wᵣ
        and `candidate_kernel` Wₙ `[hidden_size, hidden_size]` and, optionally, `bias` b
        `[3 * hidden_size]`; gates in the order r, z, n.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Jozefowicz, Zaremba and Sutskever, "An Empirical Exploration of Recurrent Network
      Architectures", ICML 2015, MUT1. Their tanh(xₜ) requires inputs as wide as h; Uₙ
      is added here.
    """
    return _factors(MUT1).step(params, carry, inputs)


def mut2_step(params: Params, carry: Array, inputs: Array) -> tuple[Array, Array]:
    """Computes one step of MUT2.

        zₜ = σ(U_z xₜ + W_z hₜ₋₁ + b_z)
        rₜ = σ(Uᵣ xₜ + Wᵣ hₜ₋₁ + bᵣ)
        nₜ = tanh(Wₙ (rₜ ∘ hₜ₋₁) + Uₙ xₜ + bₙ)
        hₜ = nₜ ∘ zₜ + hₜ₋₁ ∘ (1 - zₜ)

    Arguments and results are those of `mut1_step`, but `recurrent_kernel` is Wᵣ and W_z
    side by side, `[hidden_size, 2 * hidden_size]`.

    References:
      Jozefowicz, Zaremba and Sutskever, "An Empirical Exploration of Recurrent Network
      Architectures", ICML 2015, MUT2. Their r adds xₜ itself, which requires inputs as
      wide as h; it is this cell with Uᵣ = I.
    """
    return _factors(MUT2).step(params, carry, inputs)


def mut3_step(params: Params, carry: Array, inputs: Array) -> tuple[Array, Array]:
    """Computes one step of MUT3, whose update gate depends on tanh of the carry.

        zₜ = σ(U_z xₜ + W_z tanh(hₜ₋₁) + b_z)
        rₜ = σ(Uᵣ xₜ + Wᵣ hₜ₋₁ + bᵣ)
        nₜ = tanh(Wₙ (rₜ ∘ hₜ₋₁) + Uₙ xₜ + bₙ)
        hₜ = nₜ ∘ zₜ + hₜ₋₁ ∘ (1 - zₜ)

    Arguments and results are those of `mut1_step`, and `params` also has
    `update_kernel` W_z `[hidden_size, hidden_size]`.

    References:
      Jozefowicz, Zaremba and Sutskever, "An Empirical Exploration of Recurrent Network
      Architectures", ICML 2015, MUT3.
    """
    return _factors(MUT3).step(params, carry, inputs)


@cell_maker
def mut1(hidden_size: int, **weights: Unpack[Weights]) -> Cell:
    """Makes a MUT1 cell; see `mut1_step` for the equations.

    Args:
      hidden_size: width of the carry and of the outputs.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Example: where z is closed, the carry is kept.
      >>> cell = mut1(3, bias_init=jax.nn.initializers.constant(-100.0))
      >>> params = cell.init(jax.random.key(0), 2)
      >>> cell.step(params, jnp.array([1.0, 2.0, 3.0]), jnp.ones(2))[0]
      Array([1., 2., 3.], dtype=float32)
    """
    return _cell(MUT1, hidden_size, weights)


@cell_maker
def mut2(hidden_size: int, **weights: Unpack[Weights]) -> Cell:
    """Makes a MUT2 cell, with the options of `mut1`; see `mut2_step`.

    Example: z depends on the carry; here it forgets what is positive.
      >>> params = {"kernel": jnp.zeros((3, 6)), "candidate_kernel": jnp.zeros((2, 2))}
      >>> params["recurrent_kernel"] = jnp.eye(2, 4, 2) * 100
      >>> mut2(2).step(params, jnp.array([5.0, -5.0]), jnp.ones(3))[0]
      Array([ 0., -5.], dtype=float32)
    """
    return _cell(MUT2, hidden_size, weights)


@cell_maker
def mut3(hidden_size: int, **weights: Unpack[Weights]) -> Cell:
    """Makes a MUT3 cell, with the options of `mut1`; see `mut3_step`.

    Example: z depends on tanh of the carry: no carry is so large that it saturates z.
      >>> zeros, carry = jnp.zeros((2, 2)), jnp.array([10.0, 1000.0])
      >>> params = {"kernel": jnp.zeros((3, 6)), "recurrent_kernel": zeros}
      >>> params |= {"candidate_kernel": zeros, "update_kernel": jnp.eye(2)}
      >>> after, _ = mut3(2).step(params, carry, jnp.ones(3))
      >>> bool(jnp.allclose(after, carry * (1 - jax.nn.sigmoid(1.0))))
      True
    """
    return _cell(MUT3, hidden_size, weights)


def _cell(mutant, hidden_size, weights):
    plain = gated_init(
        hidden_size, "rzn", recurrent=mutant.recurrent, candidate_apart=True, **weights
    )

    def init(key, input_size):
        params = plain(key, input_size)
        if mutant.update_kernel:
            r, z = split(params["recurrent_kernel"], 2)
            params |= {"recurrent_kernel": r, "update_kernel": z}
        return params

    factors = _factors(mutant, weights.get("compute_dtype"))
    return factored_cell(init, zero_carry(hidden_size), factors)


def _factors(mutant, compute_dtype=None):
    """A pre-activation is (r, z, n)."""

    def project(params, inputs):
        if mutant.input_activation is None:
            return tuple(split(driven(params, inputs, compute_dtype), 3))
        r, z, n = split(matmul(inputs, params["kernel"], compute_dtype), 3)
        drive = r, z, mutant.input_activation(n)
        if "bias" not in params:
            return drive
        return tuple(x + b for x, b in zip(drive, split(params["bias"], 3)))

    def recur(params, carry):
        pull = matmul(carry, params["recurrent_kernel"], compute_dtype)
        sees_carry = mutant.recurrent == "rzn" and not mutant.update_kernel
        r, z = split(pull, 2) if sees_carry else (pull, None)
        return r, z, None

    def update(params, carry, pre):
        r, z, n = pre
        if mutant.update_kernel:
            z = z + matmul(jnp.tanh(carry), params["update_kernel"], compute_dtype)
        z = sigmoid(z)
        reset = sigmoid(r) * carry
        n = n + matmul(reset, params["candidate_kernel"], compute_dtype)
        return jnp.tanh(n) * z + carry * (1 - z)

    return Factors(project, recur, update, carry_as_output)
