"""The clockwork network against its paper: what its modules hear, and when."""

import numpy as np

from rnnjax.cells.clockwork import clockwork
from tests.cells.paper import B, equals_paper

H = 6  # three modules of two units


@equals_paper(clockwork, {"periods": (4, 1, 2)}, {"periods": (3, 1, 3)}, hidden_size=H)
def test_equals_paper(params, count, h, x, periods):
    """Koutnik et al. 2014, each module, sequence and clock by itself.

    A module hears those that are not quicker, in whatever order they stand.
    """
    units = dict(enumerate(np.split(np.arange(H), len(periods))))
    new = h.copy()
    for row in range(B):
        for module, own in units.items():
            if count[row] % periods[module]:
                continue
            pre = x[row] @ params["kernel"][:, own]
            for other, theirs in units.items():
                if periods[other] >= periods[module]:
                    kernel = params["recurrent_kernel"][np.ix_(theirs, own)]
                    pre = pre + h[row, theirs] @ kernel
            new[row, own] = np.tanh(pre + params["bias"][own])
    return (count + 1, new), new
