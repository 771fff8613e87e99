"""Luong's decoder: attention after the step, and what it gave fed to the next one."""

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.attention.attentive import (
    AttentiveCarry,
    add_glimpse,
    check_attends,
    drive_of_inputs,
    init_attentive,
    initial_attentive_carry,
    outputs_of,
    prepare_attentive,
    shown_size,
)
from rnnjax.attention.base import Attention, glimpse_size
from rnnjax.attention.shown import shown_by
from rnnjax.base import Cell, Factors, cached, check_positive, factored_cell
from rnnjax.initializers import Initializer
from rnnjax.products import matmul


@cached
def attend_after(
    cell: Cell,
    attention: Attention,
    memory_size: int,
    *,
    output_size: int | None = None,
    feed: bool = True,
    show_weights: bool = False,
    kernel_init: Initializer = initializers.lecun_normal(),
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Cell:
    """Makes a cell that reads a memory after each step.

        hₜ = cell(hₜ₋₁, [xₜ; aₜ₋₁])           a₀ = 0
        cₜ = attention(hₜ, memory)
        aₜ = h̃ₜ = tanh(K [cₜ; hₜ])           the outputs are aₜ
        or, without an `output_size`:
        aₜ = cₜ                               the outputs are [hₜ; cₜ]

    Feeding aₜ₋₁ into the step is Luong's input feeding; with `window` it is Graves'
    handwriting synthesis. Several layers under one attention are a `cell_stack`.

    Without feeding, and if the attention has no state, `attention_layer` after any
    layer computes the same for all steps at once.

    Args:
      cell: the cell, from vectors to one vector h that its carry holds.
      attention: how to attend; one with a state carries it.
      memory_size: width of the memory's rows.
      output_size: width of h̃; None: there is none.
      feed: whether the cell reads aₜ₋₁; if not, it reads xₜ alone.
      show_weights: whether the outputs are a dict of `outputs` and `weights`, those of
        this step's reading.
      kernel_init: initializer of K.
      dtype: dtype of K.

    Returns:
      The cell, over a dict of `cell`, the parameters of `cell`, `attention`, `memory`,
      None until one is bound by `bind_memory`, and `output_kernel` Kᵀ
      `[size + hidden_size, output_size]` if there is an h̃; its carry is an
      `AttentiveCarry`.

    Raises:
      ValueError: if a size is not positive, or `cell` has no factors or does not read
        vectors; in `init`, if it does not show one vector; where it runs, if no memory
        is bound, or it does not fit.

    Example:
      >>> from rnnjax.attention import Memory, bind_memory, dot
      >>> from rnnjax.attention import cell_stack
      >>> two_layers = cell_stack(rnnjax.lstm(4), rnnjax.lstm(4))
      >>> cell = attend_after(two_layers, dot(), memory_size=4, output_size=6)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> bound = bind_memory(params, Memory(jnp.ones((5, 2, 4))))
      >>> carry, outputs = rnnjax.unroll(cell, bound, jnp.ones((7, 2, 3)))
      >>> outputs.shape, bool((carry.attended == outputs[-1]).all())
      ((7, 2, 6), True)

    References:
      Luong, Pham and Manning, "Effective Approaches to Attention-based Neural Machine
      Translation", EMNLP 2015, equation 5 and section 3.3; Graves, "Generating
      Sequences With Recurrent Neural Networks", 2013, equations 52 and 53.
    """
    own = check_attends(cell, memory_size)
    size = glimpse_size(attention, memory_size)
    fed_size = (size if output_size is None else output_size) if feed else 0
    if output_size is not None:
        check_positive(output_size=output_size)

    def init(key, input_size):
        check_positive(input_size=input_size)
        key, output_key = jax.random.split(key)
        params = init_attentive(
            cell, attention, key, input_size + fed_size, memory_size
        )
        if output_size is not None:
            shape = size + shown_size(cell, params["cell"]), output_size
            params["output_kernel"] = kernel_init(output_key, shape, dtype)
        return params

    def initial_carry(params, batch_shape=()):
        carry = initial_attentive_carry(
            cell, attention, params, batch_shape, show_weights
        )
        if output_size is None:
            return carry
        kernel = params["output_kernel"]
        zeros = jnp.zeros((*batch_shape, output_size), kernel.dtype)
        return carry._replace(attended=zeros)

    def prepare(params):
        return prepare_attentive(cell, attention, params, memory_size, fed_size)

    def project(params, inputs):
        return drive_of_inputs(cell, params, inputs)

    def recur(params, carry):
        pull = own.recur(params["cell"], carry.cell)
        if feed and params["rows"] is not None:
            pull = add_glimpse(cell, params, pull, None, carry.attended)
        return pull, None

    def update(params, carry, pre):
        own_pre, inputs = pre
        if inputs is not None:
            own_pre = add_glimpse(cell, params, own_pre, inputs, carry.attended)
        new_carry = own.update(params["cell"], carry.cell, own_pre)
        h = shown_by(cell, params["cell"], new_carry)
        query = attention.query(params["attention"], params["memory"], h)
        attended, state, weights = attention.read(
            params["attention"], params["memory"], query, carry.state
        )
        if output_size is not None:
            joined = jnp.concatenate([attended, h], axis=-1)
            attended = jnp.tanh(matmul(joined, params["output_kernel"]))
        weights = weights if show_weights else None
        return AttentiveCarry(new_carry, attended, state, weights)

    def readout(params, carry, inputs):
        if output_size is not None:
            return outputs_of(carry.attended, carry)
        h = shown_by(cell, params["cell"], carry.cell)
        return outputs_of(jnp.concatenate([h, carry.attended], axis=-1), carry)

    factors = Factors(project, recur, update, readout)
    return factored_cell(init, initial_carry, factors, prepare=prepare)
