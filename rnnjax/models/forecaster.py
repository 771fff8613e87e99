"""The forecaster as an NNX module: all steps of the horizon at once."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from rnnjax.base import Array, Cell, check_positive
from rnnjax.layers import dense, locked_dropout
from rnnjax.losses.densities import Density
from rnnjax.losses.predictions import (
    Prediction,
    num_outputs,
    prediction_loss,
    prediction_quantiles,
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


class Forecaster(nnx.Module):
    """A network that reads a window and predicts all steps after it at once.

        s = the encoder's last outputs over x₁ … x_W, xₜ = [vₜ; inputsₜ; knownₜ]
        f_k = [known_{W+k}; v_{W+k-lag} for each lag]
        outputs_k = A_k s + a_k + L [tanh(M s + N f_k + m); v_{W+k-lag} for each lag]
        y_k = center_k + scale e_k,   e_k of the density that outputs_k give

    v are the values y as `normalize` says, see `window_scale`. The last summand of the
    outputs, shared by all steps, is there only with known inputs or lags: what a season
    or a week before each step was, which a carry would have to remember. Beyond a lag
    the last value that whole lags reach is read. An encoder of both directions gives
    the last outputs of each, the forward one after the last step of the window and the
    backward one after the first.

    With `corrects` the center is not that of the normalization but a forecast itself:
    the last value, or the value a season before. The network learns by how much they
    are wrong.

    Nothing after the window is read but what is known in advance.

    Attributes:
      encoder, head, mixer, mixer_head: the parts; both mixers are None without known
        inputs.

    Args:
      cells: the cells of the encoder, a layer each.
      horizon: number of steps to predict, H.
      num_targets: number of values per step.
      num_inputs: number of other observed values per step.
      num_known: number of values per step that are known in advance.
      density: the family of densities of a value, such as `student_t()`; None: a
        single value, trained by its absolute deviation.
      normalize: how a window is normalized.
      corrects: what the network corrects.
      period: steps of a season, for `corrects="seasonal"`.
      lags: numbers of steps, each at most those of a window.
      both_directions: whether the encoder reads in both directions.
      dropout_rate: probability of zeroing inputs of layers; without a key nothing is
        dropped.
      recurrent_dropout_rate: that of zeroing what recurrent products read.
      rngs: the parameters are drawn from its stream `params`.

    Raises:
      ValueError: if a size is not positive or there is no cell; if the density is of
        counts and shifted; if `period` is missing for a season.

    Example:
      >>> from flax import nnx
      >>> model = Forecaster([rnnjax.gru(4)], horizon=3, num_known=2, rngs=nnx.Rngs(0))
      >>> window = Window(jnp.ones((5, 7, 1)), known=jnp.ones((5, 10, 2)))
      >>> forecast = jax.jit(lambda window: model.quantiles(window, jnp.array([0.5])))
      >>> forecast(window).shape
      (1, 5, 3, 1)

    References:
      Wen et al., "A Multi-Horizon Quantile Recurrent Forecaster", 2017, for the direct
      form and known inputs.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        *,
        horizon: int,
        num_targets: int = 1,
        num_inputs: int = 0,
        num_known: int = 0,
        density: Density | None = None,
        normalize: Normalize = "none",
        corrects: Corrects = "none",
        period: int | None = None,
        lags: Sequence[int] = (),
        both_directions: bool = False,
        dropout_rate: float = 0.0,
        recurrent_dropout_rate: float = 0.0,
        rngs: nnx.Rngs,
    ):
        check_positive(horizon=horizon, num_targets=num_targets)
        check_output(density, normalize, corrects)
        if corrects == "seasonal":
            check_positive(period=period or 0)
        for lag in lags:
            check_positive(lags=lag)
        self.horizon, self.num_targets = horizon, num_targets
        self.density = density
        self.normalize: Normalize = normalize
        self.corrects, self.period, self.lags = corrects, period, tuple(lags)
        self.num_outputs = num_outputs(density)
        self.dropout_rate, self.both_directions = dropout_rate, both_directions
        encoder = make_encoder(
            cells,
            both_directions=both_directions,
            dropout_rate=dropout_rate,
            recurrent_dropout_rate=recurrent_dropout_rate,
        )
        input_size = num_targets + num_inputs + num_known
        self.encoder = Recurrent(encoder, input_size, rngs=rngs)
        width = self._summary_size(input_size)
        per_step = num_targets * self.num_outputs
        self.head = Recurrent(dense(horizon * per_step), width, rngs=rngs)
        mixers = dense(width), dense(per_step, use_bias=False)
        num_lagged = len(lags) * num_targets
        sizes = width + num_known + num_lagged, width + num_lagged
        self.mixer, self.mixer_head = (
            Recurrent(layer, size, rngs=rngs) if num_known or lags else None
            for layer, size in zip(mixers, sizes)
        )

    def __call__(self, window: Window, *, key: Array | None = None) -> Prediction:
        """Predicts the steps after a window.

        Args:
          window: what is known of B series.
          key: the source of randomness, for dropout; None: there is none.

        Returns:
          The prediction; outputs `[B, H, num_targets, num_outputs]`.

        Raises:
          ValueError: if the window is shorter than a lag or the season to correct.
        """
        values = jnp.asarray(window.values)
        num_steps = values.shape[1]
        center, scale = window_scale(values, self.normalize)
        parts = [(values - center) / scale]
        if window.inputs is not None:
            parts.append(jnp.asarray(window.inputs))
        if window.known is not None:
            parts.append(jnp.asarray(window.known)[:, :num_steps])
        summary = self._summary(jnp.concatenate(parts, axis=-1), key)
        _, outputs = self.head(summary[:, None])
        outputs = outputs.reshape(
            len(values), self.horizon, self.num_targets, self.num_outputs
        )
        if self.mixer is not None and self.mixer_head is not None:
            future = [jnp.repeat(summary[:, None], self.horizon, axis=1)]
            if window.known is not None:
                future.append(jnp.asarray(window.known)[:, num_steps:])
            lagged = [
                parts[0][:, self._steps_before(lag, num_steps)] for lag in self.lags
            ]
            _, mixed = self.mixer(jnp.concatenate([*future, *lagged], axis=-1))
            mixed = jnp.concatenate([jnp.tanh(mixed), *lagged], axis=-1)
            _, mixed = self.mixer_head(mixed)
            outputs += mixed.reshape(outputs.shape)
        return Prediction(outputs, *self._centered(values, center, scale))

    def loss(
        self, window: Window, targets: Array, *, key: Array | None = None
    ) -> Array:
        """Computes the mean loss of a batch, see `prediction_loss`.

        Args:
          window: what is known of B series.
          targets: `[B, H, num_targets]`, the values after it.
          key: the source of randomness, for dropout.

        Returns:
          A scalar, per value.
        """
        return prediction_loss(self.density, self(window, key=key), targets).mean()

    def quantiles(
        self, window: Window, probabilities: Array, *, key: Array | None = None
    ) -> Array:
        """Returns the quantiles `[Q, B, H, num_targets]` of the steps after a window.

        Args:
          window: what is known of B series.
          probabilities: `[Q]`.
          key: not used; for forecasters that draw.

        Returns:
          The quantiles; all are the predicted value without a density.
        """
        del key
        return prediction_quantiles(self.density, self(window), probabilities)

    def _summary(self, inputs, key):
        keys = (None, None) if key is None else jax.random.split(key)
        _, outputs = self.encoder(inputs, key=keys[0])
        if self.both_directions:
            forward, backward = outputs
            summary = jnp.concatenate([forward[:, -1], backward[:, 0]], axis=-1)
        else:
            summary = outputs[:, -1]
        if not self.dropout_rate:
            return summary
        dropped = locked_dropout(self.dropout_rate)
        return dropped.apply({}, (), summary[None], key=keys[1])[1][0]

    def _summary_size(self, input_size):
        inputs = jnp.zeros((1, 1, input_size))
        return jax.eval_shape(lambda x: self._summary(x, None), inputs).shape[-1]

    def _centered(self, values, center, scale):
        shape = (len(values), self.horizon, self.num_targets)
        if self.corrects == "persistence":
            center = values[:, -1:]
        elif self.corrects == "seasonal":
            center = values[:, self._steps_before(self.period or 0, values.shape[1])]
        return jnp.broadcast_to(center, shape), jnp.broadcast_to(scale, shape)

    def _steps_before(self, lag, num_steps):
        """Returns which step of the window is whole lags before each step after."""
        if num_steps < lag:
            raise ValueError(
                f"window must be of at least {lag} steps, a season or a lag, "
                f"got {num_steps}."
            )
        return num_steps - lag + jnp.arange(self.horizon) % lag
