"""The calendar as inputs that are known in advance."""

from typing import Literal

import numpy as np

Part = Literal["hour", "weekday", "day_of_year"]
LENGTHS = {"hour": 24.0, "weekday": 7.0, "day_of_year": 365.2425}


def calendar(times: np.ndarray, parts: tuple[Part, ...]) -> np.ndarray:
    """Returns the sine and the cosine of parts of the calendar.

    Args:
      times: `[num_steps]` datetime64.
      parts: `hour`, of the day, with its minutes; `weekday`; `day_of_year`.

    Returns:
      `[num_steps, 2 * len(parts)]`, from -1 to 1.

    Example:
      >>> times = np.array(["2024-01-01T06:00", "2024-01-01T12:00"], "M8[s]")
      >>> calendar(times, ("hour",)).round(6) + 0.0
      array([[ 1.,  0.],
             [ 0., -1.]])
    """
    days = times.astype("datetime64[D]")
    of_day = (times - days) / np.timedelta64(1, "h")
    years = days.astype("datetime64[Y]").astype("datetime64[D]")
    values = {
        "hour": of_day,
        "weekday": (days.astype(int) + 3) % 7,  # 1970 began on a Thursday
        "day_of_year": (days - years).astype(int) + of_day / 24,
    }
    columns = []
    for part in parts:
        angle = 2 * np.pi * values[part] / LENGTHS[part]
        columns += [np.sin(angle), np.cos(angle)]
    return np.stack(columns, axis=-1) if columns else np.zeros((len(times), 0))


def calendar_names(parts: tuple[Part, ...]) -> tuple[str, ...]:
    """Returns the names of the columns that `calendar` makes."""
    return tuple(f"{part} {wave}" for part in parts for wave in ("sine", "cosine"))
