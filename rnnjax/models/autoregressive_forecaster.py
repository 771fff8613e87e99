"""The forecaster as an NNX module: step by step, each fed back to the next."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from rnnjax.base import Array, Cell, Layer, cached, check_positive
from rnnjax.decoding import generate
from rnnjax.layers import causal_layer, dense
from rnnjax.losses.densities import Density
from rnnjax.losses.predictions import (
    Prediction,
    num_outputs,
    prediction_loss,
    sample_prediction,
)
from rnnjax.models.recurrent import Recurrent
from rnnjax.models.series import (
    Corrects,
    Normalize,
    Window,
    check_output,
    make_encoder,
    window_scale,
)


class AutoregressiveForecaster(nnx.Module):
    """A network that predicts the next step, and reads what it drew as the step after.

        hₜ = the layers over x₁ … xₜ,   xₜ = [vₜ; knownₜ₊₁]
        yₜ₊₁ = center + scale e,   e of the density that K hₜ + b gives

    v are the values y as `normalize` says. In training the true values are read; beyond
    the window it is what was drawn, path by path, and the quantiles are those of the
    paths. Without a density there is one path.

    Attributes:
      body, head: the parts.

    Args:
      cells: the cells, a layer each.
      horizon: number of steps to predict, H.
      num_targets: number of values per step.
      num_known: number of values per step that are known in advance.
      density: the family of densities of a value; None: a single value.
      normalize: how a window is normalized. Unless it is `none`, only the steps after
        the window are trained, since the scale has seen the window.
      corrects: `persistence`: the center is the value before, not that of the
        normalization.
      dropout_rate: probability of zeroing inputs of layers.
      recurrent_dropout_rate: that of zeroing what recurrent products read.
      num_samples: number of paths.
      rngs: the parameters are drawn from its stream `params`.

    Raises:
      ValueError: if a size is not positive or there is no cell; if the density is of
        counts and shifted; if a season is to be corrected.

    Example:
      >>> from flax import nnx
      >>> from rnnjax.losses import normal
      >>> model = AutoregressiveForecaster(
      ...     [rnnjax.gru(4)], horizon=3, density=normal(), rngs=nnx.Rngs(0)
      ... )
      >>> draw = jax.jit(lambda window: model.sample(window, jax.random.key(1)))
      >>> draw(Window(jnp.ones((5, 7, 1)))).shape
      (100, 5, 3, 1)

    References:
      Salinas et al., "DeepAR: Probabilistic forecasting with autoregressive recurrent
      networks", International Journal of Forecasting 2020.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        *,
        horizon: int,
        num_targets: int = 1,
        num_known: int = 0,
        density: Density | None = None,
        normalize: Normalize = "none",
        corrects: Corrects = "none",
        dropout_rate: float = 0.0,
        recurrent_dropout_rate: float = 0.0,
        num_samples: int = 100,
        rngs: nnx.Rngs,
    ):
        check_positive(horizon=horizon, num_targets=num_targets)
        check_positive(num_samples=num_samples)
        check_output(density, normalize, corrects)
        if corrects == "seasonal":
            raise ValueError("corrects must be none or persistence, got 'seasonal'.")
        self.horizon, self.density = horizon, density
        self.normalize: Normalize = normalize
        self.corrects: Corrects = corrects
        self.num_samples = 1 if density is None else num_samples
        body = make_encoder(
            cells,
            dropout_rate=dropout_rate,
            recurrent_dropout_rate=recurrent_dropout_rate,
        )
        self.body = Recurrent(body, num_targets + num_known, rngs=rngs)
        one = jnp.zeros((1, 1, num_targets + num_known))
        width = jax.eval_shape(lambda x: self.body(x)[1], one).shape[-1]
        head = dense(num_targets * num_outputs(density))
        self.head = Recurrent(head, width, rngs=rngs)

    def loss(
        self, window: Window, targets: Array, *, key: Array | None = None
    ) -> Array:
        """Computes the mean loss of a batch, each step read as it truly was.

        Args:
          window: what is known of B series.
          targets: `[B, H, num_targets]`, the values after it.
          key: the source of randomness, for dropout.

        Returns:
          A scalar, per value, see `prediction_loss`.
        """
        values = jnp.concatenate([jnp.asarray(window.values), targets], axis=1)
        by_time = jnp.swapaxes(values, 0, 1)
        layer, params = self._layer(window)
        _, prediction = layer.apply(params, None, by_time[:-1], key=key)
        losses = prediction_loss(self.density, prediction, by_time[1:])
        num_trained = len(losses) if self.normalize == "none" else self.horizon
        return losses[-num_trained:].mean()

    def sample(self, window: Window, key: Array) -> Array:
        """Draws paths `[S, B, H, num_targets]` of the steps after a window."""
        by_time = jnp.swapaxes(jnp.asarray(window.values), 0, 1)
        layer, params = self._layer(window)
        carry, _ = layer.apply(params, None, by_time[:-1])

        def path(key):
            return generate(
                layer,
                params,
                by_time[-1:],
                self.horizon,
                key,
                sampler=_sampler(self.density),
                carry=carry,
            ).drawn

        paths = jax.vmap(path)(jax.random.split(key, self.num_samples))
        return jnp.swapaxes(paths, 1, 2)

    def quantiles(
        self, window: Window, probabilities: Array, *, key: Array | None = None
    ) -> Array:
        """Returns the quantiles `[Q, B, H, num_targets]` of the steps after a window.

        Args:
          window: what is known of B series.
          probabilities: `[Q]`.
          key: the source of randomness; None: that of seed 0.

        Returns:
          The quantiles of the paths, interpolated between draws unless these are
          counts.
        """
        paths = self.sample(window, jax.random.key(0) if key is None else key)
        discrete = self.density is not None and self.density.is_discrete
        method = "inverted_cdf" if discrete else "linear"
        return jnp.quantile(paths, jnp.asarray(probabilities), axis=0, method=method)

    def _layer(self, window: Window) -> tuple[Layer, dict]:
        """Returns the layer from a value to the prediction of the next one."""
        center, scale = window_scale(jnp.asarray(window.values), self.normalize)
        known = window.known
        layer = _next_value(
            self.body.layer, self.head.layer, num_outputs(self.density), self.corrects
        )
        return layer, {
            "body": nnx.as_pure(self.body.params),
            "head": nnx.as_pure(self.head.params),
            "center": center[:, 0],
            "scale": scale[:, 0],
            "known": None if known is None else jnp.swapaxes(known, 0, 1)[1:],
        }


@cached
def _sampler(density):
    def draw(key, prediction):
        return sample_prediction(density, key, prediction)

    return draw


@cached
def _next_value(body, head, num_outputs, corrects):
    """Makes the layer from values `[T, B, C]` to predictions of the next ones.

    Its parameters hold the window's center and scale, and what is known: `known[t]` is
    that of the step after step t. The carry counts steps.
    """

    def init(key, input_size):
        raise NotImplementedError  # the module puts the parameters together

    def initial_carry(params, batch_shape=()):
        return jnp.int32(0), body.initial_carry(params["body"], batch_shape)

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        del mask, is_first
        if carry is None:
            carry = initial_carry(params, inputs.shape[1:-1])
        time, body_carry = carry
        parts = [(inputs - params["center"]) / params["scale"]]
        if params["known"] is not None:
            known = jax.lax.dynamic_slice_in_dim(params["known"], time, len(inputs))
            parts.append(known)
        body_carry, h = body.apply(
            params["body"], body_carry, jnp.concatenate(parts, axis=-1), key=key
        )
        _, outputs = head.apply(params["head"], None, h)
        outputs = outputs.reshape(*inputs.shape, num_outputs)
        center = inputs if corrects == "persistence" else params["center"]
        prediction = Prediction(
            outputs,
            jnp.broadcast_to(center, inputs.shape),
            jnp.broadcast_to(params["scale"], inputs.shape),
        )
        return (time + len(inputs), body_carry), prediction

    return causal_layer(init, initial_carry, apply)
