"""Mutate bytes in ways that break parsers."""

from collections.abc import Sequence
from random import Random

EXTREMES = (0, 1, -1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, -2)
LARGEST = 1 << 20
"""Maximum size of a mutated input, bytes, beyond which no block is repeated."""


def some_bytes(random: Random, max_size: int) -> bytes:
    """Return random bytes, short ones more often."""
    return random.randbytes(int(max_size ** random.random()))


def mutated(
    random: Random, data: bytes, *, others: Sequence[bytes] = (), tokens: Sequence[bytes] = ()
) -> bytes:
    """Return `data` changed in a few places.

    Parameters
    ----------
    random
        Random generator.
    data
        Valid input.
    others
        Valid inputs to splice in.
    tokens
        Tokens of the input's format.
    """
    for _ in range(random.choice((1, 1, 1, 2, 3, 5, 8, 20))):
        data = _changed(random, data, others, tokens)
    return data


def with_odd_field(random: Random, data: bytes, marks: Sequence[bytes]) -> bytes:
    """Return `data` with an extreme number near one of the marks that it contains."""
    present = [mark for mark in marks if mark in data]
    if not present:
        return data
    mark = random.choice(present)
    at = data.index(mark)
    position = random.choice((at - 4, at - 8, *(at + len(mark) + step for step in range(0, 40, 2))))
    return _put(data, max(position, 0), _extreme(random))


def _changed(
    random: Random, data: bytes, others: Sequence[bytes], tokens: Sequence[bytes]
) -> bytes:
    at = _position(random, data)
    length = int(max(len(data), 1) ** random.random())
    block = data[at : at + length]
    match random.randrange(12):
        case 0 if data:
            return _put(data, at, bytes([data[at] ^ 1 << random.randrange(8)]))
        case 1 if data:
            return _put(data, at, random.randbytes(1))
        case 2 | 3:
            return _put(data, at, _extreme(random))
        case 4:
            return data[:at] + data[at + length :]
        case 5:
            there = _position(random, data)
            return data[:there] + block + data[there:]
        case 6:
            rest = data[:at] + data[at + length :]
            there = _position(random, rest)
            return rest[:there] + block + rest[there:]
        case 7:
            return data[:at]
        case 8 if others:
            other = random.choice(others)
            return data[:at] + other[_position(random, other) :]
        case 9 if block:
            times = random.choice((2, 10, 100, 10_000))
            return data[:at] + block * min(times, LARGEST // len(block)) + data[at:]
        case 10 | 11 if tokens:
            return data[:at] + random.choice(tokens) + data[at:]
    return data[:at] + some_bytes(random, 64) + data[at:]


def _position(random: Random, data: bytes) -> int:
    """Return a position, more often near the start, where headers are."""
    if random.random() < 0.25:
        return min(int(200 ** random.random()) - 1, max(len(data) - 1, 0))
    return random.randrange(max(len(data), 1))


def _put(data: bytes, at: int, what: bytes) -> bytes:
    return data[:at] + what + data[at + len(what) :]


def _extreme(random: Random) -> bytes:
    size = random.choice((1, 2, 4, 8))
    value = random.choice(EXTREMES) % (1 << 8 * size)
    return value.to_bytes(size, random.choice(("little", "big")))
