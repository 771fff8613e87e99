"""Attention as the papers have it: loops in NumPy over sequences, steps and rows.

A reading is `(params, values, real, h, state) -> (glimpse, state, weights)` of one
sequence: values `[S, memory_size]`, of which the rows listed in `real` exist.
"""

import numpy as np

from tests.cells.paper import sigmoid


def softmax_reading(energy):
    """Makes a reading of `(params, place, row, h, state) -> energy`."""

    def read(params, values, real, h, state):
        energies = np.array([energy(params, s, values[s], h, state) for s in real])
        weights = np.zeros(len(values))
        shares = np.exp(energies - max(energies, default=0))
        weights[real] = shares / shares.sum()
        return weights[real] @ values[real], state, weights

    return read


def bahdanau(params, s, row, h, state):
    """Appendix A.1.2: vᵀ tanh(W h + U m)."""
    pre = h @ params["query_kernel"] + row @ params["key_kernel"]
    return params["energy_kernel"] @ np.tanh(pre)


def concat(params, s, row, h, state):
    """Luong's equation 8: vᵀ tanh(W [h; m])."""
    matrix = np.concatenate([params["query_kernel"], params["key_kernel"]])
    return params["energy_kernel"] @ np.tanh(np.concatenate([h, row]) @ matrix)


def dot(params, s, row, h, state):
    """Luong's equation 8: hᵀ m."""
    return h @ row


def general(params, s, row, h, state):
    """Luong's equation 8: hᵀ W m."""
    return h @ params["key_kernel"].T @ row


def uniform(params, s, row, h, state):
    """Equal energies."""
    return 0.0


def location_energy(params, s, row, h, state):
    """Chorowski's equations 8 and 9."""
    filters = params["filter_kernel"][:, 0]
    located = np.zeros(filters.shape[1])
    for i, tap in enumerate(filters):
        place = s + i - (len(filters) - 1) // 2
        if 0 <= place < len(state):
            located += state[place] * tap
    pre = h @ params["query_kernel"] + row @ params["key_kernel"]
    pre += located @ params["location_kernel"] + params["bias"]
    return params["energy_kernel"] @ np.tanh(pre)


def location_aware(params, values, real, h, state):
    read = softmax_reading(location_energy)
    glimpse, _, weights = read(params, values, real, h, state)
    return glimpse, weights, weights


def coverage_energy(params, s, row, h, state):
    """See's equation 11."""
    pre = h @ params["query_kernel"] + row @ params["key_kernel"]
    pre += state[s] * params["coverage_kernel"] + params["bias"]
    return params["energy_kernel"] @ np.tanh(pre)


def coverage(params, values, real, h, state):
    """See's equation 10: the state sums up all weights so far."""
    read = softmax_reading(coverage_energy)
    glimpse, _, weights = read(params, values, real, h, state)
    return glimpse, state + weights, weights


def graves_window(params, values, real, h, state):
    """Graves' equations 46 to 51; the first row has the place u = 1."""
    alpha, beta, moved = np.exp(np.split(h @ params["kernel"] + params["bias"], 3))
    kappa = state + moved
    weights = np.zeros(len(values))
    for s in real:
        weights[s] = (alpha * np.exp(-beta * (kappa - (s + 1)) ** 2)).sum()
    return weights[real] @ values[real], kappa, weights


def two_heads(params, values, real, h, state):
    """Vaswani's section 3.2."""
    names = "query_kernel", "key_kernel", "value_kernel"
    heads, all_weights = [], []
    for kernels in zip(*(np.split(params[name], 2, axis=1) for name in names)):
        query, keys, shown = h @ kernels[0], values @ kernels[1], values @ kernels[2]
        scaled = query / np.sqrt(len(query))
        read = softmax_reading(lambda params, s, row, h, state: h @ keys[s])  # noqa: B023
        head, _, weights = read(params, shown, real, scaled, None)
        heads.append(head)
        all_weights.append(weights)
    return np.concatenate(heads) @ params["output_kernel"], state, np.stack(all_weights)


def gru_step(params, h, x):
    """Bahdanau's appendix A.2.2, where 1 - z is called z."""
    from_x = x @ params["kernel"] + params["bias"]
    of_gates, of_candidate = np.split(from_x, [2 * len(h)])
    r, z = np.split(sigmoid(of_gates + h @ params["recurrent_kernel"]), 2)
    n = np.tanh(of_candidate + (r * h) @ params["candidate_kernel"])
    h = (1 - z) * n + z * h
    return h, h


def lstm_step(params, carry, x):
    h, c = carry
    pre = x @ params["kernel"] + h @ params["recurrent_kernel"] + params["bias"]
    i, f, g, o = np.split(pre, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return (h, c), h


def of_layers(*steps):
    """Makes the step of several layers."""

    def step(params, carry, x):
        new_carry = []
        for own_step, own_params, own_carry in zip(steps, params, carry):
            own_carry, x = own_step(own_params, own_carry, x)
            new_carry.append(own_carry)
        return tuple(new_carry), x

    return step


def attending_before(step, read):
    """Makes a step of Bahdanau's decoder, whose cell carries h alone."""

    def attending(params, carry, x, values, real):
        h, _, state = carry
        glimpse, state, weights = read(params["attention"], values, real, h, state)
        h, _ = step(params["cell"], h, np.concatenate([x, glimpse]))
        return (h, glimpse, state), np.concatenate([h, glimpse]), weights

    return attending


def attending_after(step, read, feed=True):
    """Makes a step of Luong's decoder, with h̃ if there is a matrix for it."""

    def attending(params, carry, x, values, real):
        own, attended, state = carry
        x = np.concatenate([x, attended]) if feed else x
        own, h = step(params["cell"], own, x)
        glimpse, state, weights = read(params["attention"], values, real, h, state)
        if "output_kernel" not in params:
            return (own, glimpse, state), np.concatenate([h, glimpse]), weights
        attended = np.tanh(np.concatenate([glimpse, h]) @ params["output_kernel"])
        return (own, attended, state), attended, weights

    return attending


def run(step, start, arguments):
    """Runs a batch of one axis, sequence by sequence, step by step.

    Args:
      step: of an attending decoder.
      start: the carry of one sequence before the first step.
      arguments: of the run, see `rnnjax.checks.runs`.

    Returns:
      Outputs `[T, B, ...]` and weights `[T, B, ..., S]`, zeros at masked steps.
    """
    params, _, inputs, mask, is_first, _ = arguments
    memory = params["memory"]
    outputs, weights = [], []
    for b in range(inputs.shape[1]):
        (real,) = np.nonzero(memory.mask[:, b])
        carry, shown = start, []
        for t, x in enumerate(inputs[:, b]):
            carry = start if is_first[t, b] else carry
            new_carry, *of_step = step(params, carry, x, memory.values[:, b], real)
            carry = new_carry if mask[t, b] else carry
            shown.append([mask[t, b] * y for y in of_step])
        outputs.append(np.stack([y for y, _ in shown]))
        weights.append(np.stack([w for _, w in shown]))
    return np.stack(outputs, 1), np.stack(weights, 1)
