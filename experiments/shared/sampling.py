"""The flags of a model that is sampled from."""

import dataclasses

from experiments.harness import flag


@dataclasses.dataclass(frozen=True)
class SamplingFlags:
    """The flags of samples; every one may change when a run is resumed."""

    sample_length: int = flag(
        300, "steps drawn at each evaluation", resumable=True, minimum=1
    )
    temperature: float = flag(
        1.0,
        "sampling temperature: below 1 bolder, 0 takes the most likely",
        resumable=True,
        minimum=0,
    )
