"""Recursive neural networks, with or without a tensor between the children."""

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.activations import Activation, as_activation
from rnnjax.base import Array, Params, cached, check_positive
from rnnjax.initializers import Initializer, per_gate
from rnnjax.masking import select
from rnnjax.products import matmul
from rnnjax.trees.base import TreeCell


def recursive_step(
    params: Params,
    children: Array,
    children_mask: Array,
    inputs: Array,
    *,
    activation: str | Activation = jnp.tanh,
) -> tuple[Array, Array]:
    """Computes one node of a recursive neural network.

        hⱼ = xⱼ                                 at a leaf
        hⱼ = f(W [h₁; …; h_N] + b)              over the children 1 … N of node j

    Inputs of nodes with children are not read.

    Args:
      params: dict of `recurrent_kernel` W `[N * hidden_size, hidden_size]`, the first
        child's rows first, and, if there is one, `bias` b `[hidden_size]`.
      children: `[..., N, hidden_size]`, h₁ … h_N; zeros for absent children.
      children_mask: `[..., N]` bool, true where there is a child.
      inputs: `[..., hidden_size]`, xⱼ.
      activation: f, or its name.

    Returns:
      hⱼ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Socher, Lin, Ng and Manning, "Parsing Natural Scenes and Natural Language with
      Recursive Neural Networks", ICML 2011, where N = 2.
    """
    combine = _combine(as_activation(activation), None)
    return combine(params, children, children_mask, inputs)


def tensor_recursive_step(
    params: Params,
    children: Array,
    children_mask: Array,
    inputs: Array,
    *,
    activation: str | Activation = jnp.tanh,
) -> tuple[Array, Array]:
    """Computes one node of a recursive neural tensor network.

        hⱼ = xⱼ                                 at a leaf
        hⱼ = f(aᵀ V a + W a + b)                a = [h₁; …; h_N], the children of node j

    where (aᵀ V a)ₖ = Σₘₙ aₘ Vₘₙₖ aₙ. Inputs of nodes with children are not read.

    Args:
      params: dict of `recurrent_kernel` W `[N * hidden_size, hidden_size]`, the first
        child's rows first, `tensor` V `[N * hidden_size, N * hidden_size, hidden_size]`
        and, if there is one, `bias` b `[hidden_size]`.
      children: `[..., N, hidden_size]`, h₁ … h_N; zeros for absent children.
      children_mask: `[..., N]` bool, true where there is a child.
      inputs: `[..., hidden_size]`, xⱼ.
      activation: f, or its name.

    Returns:
      hⱼ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Socher et al., "Recursive Deep Models for Semantic Compositionality Over a
      Sentiment Treebank", EMNLP 2013, section 4.3, where N = 2 and the bias is omitted
      "for simplicity".
    """
    combine = _combine(as_activation(activation), None)
    return combine(params, children, children_mask, inputs)


@cached
def recursive(
    hidden_size: int,
    max_children: int = 2,
    *,
    activation: str | Activation = jnp.tanh,
    use_bias: bool = True,
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> TreeCell:
    """Makes a recursive network; see `recursive_step` for the equations.

    Args:
      hidden_size: width of the carry, of the outputs and of the inputs.
      max_children: N, the largest number of children of a node.
      activation: f, such as `jnp.tanh`, or its name, such as "relu".
      use_bias: whether there is a bias.
      recurrent_kernel_init: initializer of the recurrent matrix.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` or `max_children` is not positive, `activation` is
        not known, or the inputs have another width than the carry.

    Example:
      >>> cell = recursive(4)
      >>> params = cell.init(jax.random.key(0), 4)
      >>> children = cell.initial_carry(params, (2,))
      >>> cell.step(params, children, jnp.zeros(2, bool), jnp.ones(4))[1]
      Array([1., 1., 1., 1.], dtype=float32)
    """
    check_positive(hidden_size=hidden_size, max_children=max_children)
    activation = as_activation(activation)

    def init(key, input_size):
        if input_size != hidden_size:
            raise ValueError(
                f"input_size must be hidden_size, {hidden_size}: a leaf's inputs are "
                f"its carry, got {input_size!r}."
            )
        keys = jax.random.split(key)
        shape = (max_children * hidden_size, hidden_size)
        recurrent_kernel = per_gate(recurrent_kernel_init, 1)(keys[0], shape, dtype)
        params = {"recurrent_kernel": recurrent_kernel}
        if use_bias:
            params["bias"] = bias_init(keys[1], (hidden_size,), dtype)
        return params

    def initial_carry(params, batch_shape=()):
        dtype = params["recurrent_kernel"].dtype
        return jnp.zeros((*batch_shape, hidden_size), dtype)

    combine = _combine(activation, compute_dtype)
    return TreeCell(init, initial_carry, _project, combine, max_children)


@cached
def tensor_recursive(
    hidden_size: int,
    max_children: int = 2,
    *,
    activation: str | Activation = jnp.tanh,
    use_bias: bool = True,
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    tensor_init: Initializer = initializers.lecun_normal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> TreeCell:
    """Makes a recursive tensor network; see `tensor_recursive_step` for the equations.

    Args:
      hidden_size: width of the carry, of the outputs and of the inputs.
      max_children: N, the largest number of children of a node.
      activation: f, such as `jnp.tanh`, or its name, such as "relu".
      use_bias: whether there is a bias.
      recurrent_kernel_init: initializer of the recurrent matrix.
      tensor_init: initializer of the tensor, which has (N * hidden_size)² inputs.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` or `max_children` is not positive, `activation` is
        not known, or the inputs have another width than the carry.

    Example:
      >>> cell = tensor_recursive(4)
      >>> params = cell.init(jax.random.key(0), 4)
      >>> params["tensor"] = 0 * params["tensor"]  # then it is a recursive network
      >>> args = jnp.ones((2, 4)), jnp.ones(2, bool), jnp.zeros(4)
      >>> plain = {name: params[name] for name in ("recurrent_kernel", "bias")}
      >>> want = recursive_step(plain, *args)[1]
      >>> bool(jnp.allclose(cell.step(params, *args)[1], want))
      True
    """
    plain = recursive(
        hidden_size,
        max_children,
        activation=activation,
        use_bias=use_bias,
        recurrent_kernel_init=recurrent_kernel_init,
        bias_init=bias_init,
        dtype=dtype,
        compute_dtype=compute_dtype,
    )
    width = max_children * hidden_size

    def init(key, input_size):
        key, tensor_key = jax.random.split(key)
        tensor = tensor_init(tensor_key, (width, width, hidden_size), dtype)
        return plain.init(key, input_size) | {"tensor": tensor}

    return plain._replace(init=init)


def _project(params, inputs):
    """Leaves the inputs as they are, but for the dtype, which the parameters decide."""
    return inputs.astype(params["recurrent_kernel"].dtype)


@cached
def _combine(activation, compute_dtype):
    def combine(params, children, children_mask, drive):
        *batch, num_children, hidden_size = children.shape
        a = children.reshape(*batch, num_children * hidden_size)
        pre = matmul(a, params["recurrent_kernel"], compute_dtype)
        if "tensor" in params:
            pre = pre + _bilinear(a, params["tensor"], compute_dtype)
        if "bias" in params:
            pre = pre + params["bias"]
        h = select(children_mask.any(axis=-1), activation(pre), drive)
        return h, h

    return combine


def _bilinear(a, tensor, compute_dtype):
    """Computes aᵀ V a."""
    rows = matmul(a, tensor.reshape(tensor.shape[0], -1), compute_dtype)
    rows = rows.reshape(*a.shape, tensor.shape[-1])
    return (a[..., None] * rows).sum(axis=-2)
