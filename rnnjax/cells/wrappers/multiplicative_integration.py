"""Multiplicative integration, for any cell that adds a drive and a pull."""

import jax
from jax.nn import initializers
from jax.tree_util import keystr, tree_leaves_with_path

from rnnjax.base import Array, Cell, Params, cached, prepared
from rnnjax.cells.elman import elman
from rnnjax.cells.wrappers.derived import derived_cell, nested_cell
from rnnjax.initializers import Initializer

HALF = initializers.constant(0.5)


def multiplicative_integration_step(
    params: Params, carry: Array, inputs: Array
) -> tuple[Array, Array]:
    """Computes one step of an Elman network with multiplicative integration.

        hₜ = tanh(α ∘ (W xₜ) ∘ (U hₜ₋₁) + β₁ ∘ (U hₜ₋₁) + β₂ ∘ (W xₜ) + b)

    Args:
      params: dict of `cell`, the parameters of an `elman` without bias, `product` α,
        `recurrent_scale` β₁, `kernel_scale` β₂ and `bias` b, `[hidden_size]` each.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Wu, Zhang, Zhang, Bengio and Salakhutdinov, "On Multiplicative Integration with
      Recurrent Neural Networks", NeurIPS 2016, equation 4.
    """
    cell = multiplicative_integration(elman(1, use_bias=False))  # of any width
    return cell.step(params, carry, inputs)


@cached
def multiplicative_integration(
    cell: Cell,
    *,
    product_init: Initializer = initializers.ones,
    scale_init: Initializer = HALF,
    bias_init: Initializer = initializers.zeros,
) -> Cell:
    """Makes a cell that also multiplies the input term and the recurrent term.

    Wherever `cell` adds the two, in all its gates, the sum is replaced by the argument
    of tanh in `multiplicative_integration_step`.

    Args:
      cell: a cell whose drive and pull are one array each, without a bias: `elman`,
        `lstm`, `janet` or `ugrnn` with `use_bias=False`.
      product_init: initializer of α.
      scale_init: initializer of β₁ and β₂.
      bias_init: initializer of b.

    Returns:
      The cell, over the carry of `cell`.

    Raises:
      ValueError: if the cell has no factors; in `init`, if its pull is not one array,
        or it has a bias.

    Example:
      >>> from jax.nn.initializers import ones, zeros
      >>> plain = rnnjax.elman(4, use_bias=False)
      >>> cell = multiplicative_integration(plain, product_init=zeros, scale_init=ones)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> inputs = jnp.ones((7, 3))
      >>> want = rnnjax.unroll(plain, params["cell"], inputs)[0]
      >>> bool(jnp.allclose(rnnjax.unroll(cell, params, inputs)[0], want))
      True

    References:
      Wu, Zhang, Zhang, Bengio and Salakhutdinov, "On Multiplicative Integration with
      Recurrent Neural Networks", NeurIPS 2016, appendix A for the LSTM.
    """
    if cell.factors is None:
        raise ValueError("cell must have factors, got one that is only a step.")
    nested = nested_cell(cell)
    own = nested.factors
    assert own is not None

    def initial_pull(params):
        params = prepared(nested, params)
        return own.recur(params, nested.initial_carry(params))

    def init(key, input_size):
        keys = jax.random.split(key, 5)
        params = nested.init(keys[0], input_size)
        if any("bias" in keystr(path) for path, _ in tree_leaves_with_path(params)):
            raise ValueError(
                "cell must have no bias, which is added here, got one: make it with "
                "use_bias=False."
            )
        pull = jax.eval_shape(initial_pull, params)
        if not isinstance(pull, jax.ShapeDtypeStruct):
            raise ValueError(f"cell must have a pull of one array, got {pull}.")
        shape, dtype = pull.shape, pull.dtype
        return params | {
            "product": product_init(keys[1], shape, dtype),
            "recurrent_scale": scale_init(keys[2], shape, dtype),
            "kernel_scale": scale_init(keys[3], shape, dtype),
            "bias": bias_init(keys[4], shape, dtype),
        }

    # a pre-activation is (drive, pull), kept apart until `update`
    def project(params, inputs):
        return own.project(params, inputs), None

    def recur(params, carry):
        return None, own.recur(params, carry)

    def update(params, carry, pre):
        drive, pull = pre
        integrated = params["product"] * drive * pull + params["recurrent_scale"] * pull
        integrated = integrated + params["kernel_scale"] * drive + params["bias"]
        return own.update(params, carry, integrated)

    return derived_cell(nested, init=init, project=project, recur=recur, update=update)
