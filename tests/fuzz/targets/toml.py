"""Generate malformed and extreme TOML."""

from collections.abc import Sequence
from random import Random

from tests.fuzz.mutate import some_bytes
from tests.fuzz.verdict import CANARY

TOKENS = [
    token.encode()
    for token in (
        "[[zones]]\n", "[mqtt]\n", "[", "]", "[[", "]]", "{", "}", "=", ".", "''", '"""', "'''",
        "#", "\r", "\0", "\ufeff", "\n", "nan", "1e999", "-inf", "0x", "1_000", "\\u0000",
        "\\ud800", "\\U0010ffff", "1979-05-27", "07:32:00", "true", ",", "a.b.c.d = 1\n",
        "\x1b[31m", "\u202e", "\u2028", "\x85",
    )
]  # fmt: skip


def value(random: Random, depth: int = 0) -> str:
    """Return a random value."""
    plain = random.choice(
        (
            "1e999", "-1e999", "nan", "inf", "-0.0", "0", "-1", "1", "1.5", "9" * 4000,
            "9" * 10_000,
            "0x" + "f" * random.choice((4, 17, 5000, 20_000)), "0o777", "0b1",
            "9223372036854775808", "1" + "0" * 400, "1e-400", "1979-05-27", "07:32:00",
            "1979-05-27T07:32:00Z", "1979-05-27T07:32:00.999999-07:00", "true", "false", "''", '""',
            '"a"', '"\\u0000"', '"\\u001b[31m"', '"\\u2028"', '"\\u202e"', '"\\U0010ffff"',
            '"' + "a" * random.choice((60, 300, 5000, 100_000)) + '"', '"' + "é" * 40 + '"',
            '"demo"', '"mic"', '"auto"', '"kalman"',
            '"http://u:' + CANARY + '@h/x?t=' + CANARY + '"',
            f'"mqtt://u:{CANARY}@host"', '"on"', '"10"', '"../../../etc/passwd"', '"/dev/zero"',
            '"a\\nb"', "'''\na\nb'''", "[]", "{}", "[[]]", "[1, 2, 3]", '["a", 1]',
        )
    )  # fmt: skip
    if depth > 3 or random.random() < 0.8:
        return plain
    match random.randrange(4):
        case 0:
            return (
                "[" + ", ".join(value(random, depth + 1) for _ in range(random.randrange(5))) + "]"
            )
        case 1:
            pairs = (f"{key(random, ())} = {value(random, depth + 1)}" for _ in range(3))
            return "{" + ", ".join(pairs) + "}"
        case 2:
            deep = random.choice((10, 100, 300, 900, 5000))
            return "[" * deep + "]" * deep
    deep = random.choice((10, 100, 200, 3000))
    return "{a = " * deep + "1" + "}" * deep


def key(random: Random, known: Sequence[str]) -> str:
    """Return a random key, usually a known one."""
    if known and random.random() < 0.8:
        return random.choice(known)
    return random.choice(
        (
            "a", '""', '"a b"', '"\\u0000"', '"\\n"', '"\\u001b[2J"', "a.b", ".".join("a" * 300),
            "x" * random.choice((70, 2000, 50_000)), '"' + "é" * 300 + '"', "password", "zones",
        )
    )  # fmt: skip


def document(random: Random, keys: Sequence[tuple[str, str]]) -> str:
    """Return a random file; `keys` are headings, such as "[mqtt]", with keys below them."""
    lines = []
    for _ in range(random.choice((1, 1, 2, 4, 10))):
        heading, name = random.choice(keys)
        if random.random() < 0.1:
            heading = random.choice((heading.strip("[]"), f"[{heading}]", "[a.b]", heading * 2))
        lines.append(heading)
        lines.append(f"{key(random, (name,))} = {value(random)}")
    if random.random() < 0.03:
        lines *= random.choice((100, 1000, 3000))
    if random.random() < 0.02:
        lines += ["[[zones]]"] * random.choice((100, 3000, 20_000))
    if random.random() < 0.05:
        lines.append(some_bytes(random, 40).decode("latin-1"))
    return "\n".join(lines)
