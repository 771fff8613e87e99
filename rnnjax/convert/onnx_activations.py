"""ONNX's activations by name, with their alpha and beta."""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.activations import ACTIVATIONS, Activation
from rnnjax.base import Array


class _Form(NamedTuple):
    """A family of activations: `function(x, *parameters)`.

    Attributes:
      function: its parameters are alpha and then beta.
      count: number of parameters.
      defaults: those of the specification; None if ONNX Runtime has others.
      named: the name in `ACTIVATIONS` of the function with `members` as parameters.
      members: see `named`.
    """

    function: Callable[..., Array]
    count: int = 0
    defaults: tuple[float, ...] | None = ()
    named: str | None = None
    members: tuple[float, ...] = ()


# If a file gives Affine, ScaledTanh or ThresholdedRelu no alpha or beta, ONNX Runtime
# takes 0 and the specification says something else, or nothing: no default is safe.
_FORMS = {
    "Relu": _Form(jax.nn.relu, named="relu"),
    "Tanh": _Form(jnp.tanh, named="tanh"),
    "Sigmoid": _Form(jax.nn.sigmoid, named="sigmoid"),
    "Affine": _Form(lambda x, a, b: a * x + b, 2, None, "identity", (1.0, 0.0)),
    "LeakyRelu": _Form(jax.nn.leaky_relu, 1, (0.01,), "leaky_relu", (0.01,)),
    "ThresholdedRelu": _Form(lambda x, a: jnp.where(x > a, x, 0), 1, None),
    "ScaledTanh": _Form(lambda x, a, b: a * jnp.tanh(b * x), 2, None),
    "HardSigmoid": _Form(lambda x, a, b: jnp.clip(a * x + b, 0, 1), 2, (0.2, 0.5)),
    "Elu": _Form(jax.nn.elu, 1, (1.0,), "elu", (1.0,)),
    "Softsign": _Form(jax.nn.soft_sign, named="softsign"),
    "Softplus": _Form(jax.nn.softplus, named="softplus"),
}


def onnx_activations(
    names: Sequence[str],
    alphas: Sequence[float] = (),
    betas: Sequence[float] = (),
) -> tuple[Activation, ...]:
    """Returns the functions that an operator's attributes name.

    Activations that take an alpha consume the alphas in order, and likewise the betas.
    Equal arguments give the same functions, so that cells made of them are the same
    too.

    ThresholdedRelu is x where x > alpha, as in ONNX Runtime and in ONNX's operator of
    that name; the text of the recurrent operators has x >= alpha.

    Args:
      names: the attribute `activations`.
      alphas: the attribute `activation_alpha`; empty: the defaults.
      betas: the attribute `activation_beta`; empty: the defaults.

    Raises:
      ValueError: if a name is not known, if there are more or fewer alphas or betas
        than are used, or if there are none and an activation has no safe default.

    Example:
      >>> relu, leaky = onnx_activations(["Relu", "LeakyRelu"], [0.5])
      >>> leaky(jnp.array([-1.0, 2.0]))
      Array([-0.5,  2. ], dtype=float32)

    References:
      Konda, Memisevic and Krueger, "Zero-bias autoencoders and the benefits of
      co-adapting features", ICLR 2015, for the ThresholdedRelu.
    """
    for name in names:
        if name not in _FORMS:
            known = ", ".join(_FORMS)
            raise ValueError(f"activations must be some of {known}, got {name!r}.")
    parameters = [
        _parameters(names, values, which, argument)
        for which, (argument, values) in enumerate(
            [("activation_alpha", alphas), ("activation_beta", betas)]
        )
    ]
    return tuple(
        _activation(name, own[: _FORMS[name].count])
        for name, own in zip(names, zip(*parameters))
    )


def clipped(activation: Activation, bound: float | None) -> Activation:
    """Returns an activation whose input is kept within ±bound; None: as it is."""
    return activation if bound is None else _clipped(activation, bound)


def _parameters(names, values, which, argument):
    """Returns the first or second parameter of each activation, None if it has none."""
    takers = [name for name in names if _FORMS[name].count > which]
    if len(values):
        if len(values) != len(takers):
            raise ValueError(
                f"{argument} must hold {len(takers)} values for {list(names)}, "
                f"got {list(values)}."
            )
        given = iter(values)
        return [next(given) if name in takers else None for name in names]
    parameters = []
    for name in names:
        defaults = _FORMS[name].defaults
        if name in takers and defaults is None:
            raise ValueError(
                f"{argument} must be given for {name}, whose default differs between "
                "ONNX and ONNX Runtime, got none."
            )
        parameters.append(defaults[which] if defaults and name in takers else None)
    return parameters


@functools.cache
def _activation(name, parameters):
    form = _FORMS[name]
    if form.named and parameters == form.members:
        return ACTIVATIONS[form.named]
    return lambda x: form.function(x, *parameters)


@functools.cache
def _clipped(activation, bound):
    return lambda x: activation(jnp.clip(x, -bound, bound))
