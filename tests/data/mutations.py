"""Damaged copies of files, for readers."""


def mutations(content: bytes, rng, number):
    """Yields copies of a file with bytes changed, left out, doubled or cut off."""
    for _ in range(number):
        mutated = bytearray(content)
        for _ in range(rng.integers(1, 4)):
            place = int(rng.integers(len(mutated) + 1))
            kind = rng.integers(4)
            if kind == 0:
                mutated[place : place + 1] = rng.bytes(1)
            elif kind == 1:
                del mutated[place : place + int(rng.integers(1, 9))]
            elif kind == 2:
                mutated[place:place] = mutated[place : place + int(rng.integers(1, 30))]
            else:
                del mutated[place:]
        yield bytes(mutated)
