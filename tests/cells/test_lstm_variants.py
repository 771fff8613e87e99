"""The LSTM's variants against their equations."""

import jax.numpy as jnp
import numpy as np

from rnnjax.cells.lstm_variants import lstm_variant
from tests.cells.paper import IN_NUMPY, by_gate, equals_paper, pre_activation, sigmoid


def hard_sigmoid(x):
    return jnp.clip(0.3 * x + 0.4, 0, 1)


@equals_paper(
    lstm_variant,
    {"gates": "io"},
    {"peepholes": "ifo"},
    {"peepholes": "o"},
    {"gates": "io", "coupled": True, "peepholes": "i"},
    {"gates": "fo", "coupled": True, "peepholes": "f"},
    {"gates": "fo", "peepholes": "fo"},
    {"gates": "if", "peepholes": "if"},
    {"gates": ""},
    {"activation": "identity", "output_activation": "identity"},
    {
        "gate_activation": hard_sigmoid,
        "activation": "sin",
        "output_activation": "softsign",
        "clip": 0.7,
        "peepholes": "ifo",
    },
)
def test_equals_equations(
    params,
    h,
    c,
    x,
    gates="ifo",
    coupled=False,
    peepholes="",
    clip=np.inf,
    gate_activation=None,
    activation="tanh",
    output_activation="tanh",
):
    """Greff et al. 2017, section 3, a part at a time."""
    names = [name for name in "ifgo" if name in gates or name == "g"]
    pre = by_gate(pre_activation(params, x, h), names)

    def gate(name, c):
        if name not in gates:
            return np.ones_like(c)
        p = params[f"peephole_{name}"] if name in peepholes else 0
        z = np.clip(pre[name] + p * c, -clip, clip)
        return np.clip(0.3 * z + 0.4, 0, 1) if gate_activation else sigmoid(z)

    i, f = gate("i", c), gate("f", c)
    if coupled:
        i, f = (1 - f, f) if "f" in gates else (i, 1 - i)
    c = c * f + i * IN_NUMPY[activation](np.clip(pre["g"], -clip, clip))
    return IN_NUMPY[output_activation](c) * gate("o", c), c
