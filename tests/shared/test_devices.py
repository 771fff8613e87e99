"""How many devices share a batch; what cannot be shared is refused."""

from experiments.shared.devices import default_num_devices, start_devices
from tests.refusals import refuses

test_bad_numbers_are_refused = refuses(
    (start_devices, 3, 4, 6, "must divide batch_size, one of 1, 2, 4 for 4, got 3."),
    (start_devices, 5, 10, 6, "must be at most 4, the cpu devices there are, got 5."),
)


def test_the_rule():
    for arguments, number in {
        ("cpu", 2, 64, 128): 2,
        ("cpu", 2, 64, 512): 2,
        ("cpu", 2, 64, 513): 1,
        ("cpu", 2, 64, 64): 1,
        ("cpu", 2, 4, 512): 1,
        ("cpu", 1, 64, 128): 1,
        ("cpu", 2, 33, 256): 1,
        ("gpu", 4, 6, 5): 3,
    }.items():
        assert default_num_devices(*arguments) == number, arguments
