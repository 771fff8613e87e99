"""Series like the monthly numbers of sunspots, made by a formula."""

import numpy as np

PERIOD = 132  # months of an average cycle


def made_sunspots(num_months: int, seed: int) -> np.ndarray:
    """Makes a series that rises and falls like the number of sunspots.

        yₜ = aᵢ sin(π pₜ^0.7)² + |noise|,   pₜ from 0 to 1 within cycle i

    Cycles rise faster than they fall, last 11 ± 1 years and differ in height aᵢ; a
    cycle remembers half of the height of the one before. The noise, of one month to the
    next, grows with the square root of y.

    Args:
      num_months: length of the series.
      seed: of the heights, the lengths and the noise.

    Returns:
      `[num_months]`, not negative.
    """
    rng = np.random.default_rng(seed)
    height, cycles, made = 100.0, [], 0
    while made < num_months:
        length = int(np.clip(rng.normal(PERIOD, 12), 96, 168))
        height = 50 + height / 2 + rng.normal(0, 30)
        phase = np.arange(length) / length
        cycles.append(max(height, 20) * np.sin(np.pi * phase**0.7) ** 2)
        made += length
    smooth = np.concatenate(cycles)[:num_months]
    shocks = rng.normal(size=num_months)
    noise = shocks + 0.5 * np.concatenate([[0], shocks[:-1]])
    return np.abs(smooth + noise * np.sqrt(4 + smooth))
