"""What a forecaster gives for each step, by name: a value or a distribution."""

from collections.abc import Callable
from typing import Literal

from rnnjax.losses import Density, mixture, negative_binomial, normal
from rnnjax.losses.location_scale import student_t

Output = Literal["value", "normal", "student_t", "mixture", "negative_binomial"]

DENSITIES: dict[Output, Callable[[], Density | None]] = {
    "value": lambda: None,
    "normal": normal,
    "student_t": student_t,
    "mixture": lambda: mixture(normal(), 3),
    "negative_binomial": negative_binomial,
}
