"""Address templates of OSC messages: "/mood/{zone}/valence"."""

import string

from streamer.helpers import truncate

FIELDS = ("zone", "node")
"""What stands between braces in a template."""

_RESERVED = set(" #*,?[]{}")
"""Characters that mean something else in an address (OSC 1.0, "OSC Address Spaces")."""


def check(template: str) -> None:
    """Say what is wrong with a template.

    Raises
    ------
    ValueError
        It has an unknown field or unbalanced braces, or is no OSC address.
    """
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError:
        raise ValueError("its braces do not match; write {zone} or {node}") from None
    for _, field, form, conversion in parts:
        if field is not None and (field not in FIELDS or form or conversion):
            raise ValueError(
                f"it has no field {{{truncate(field)}}}; there are {{zone}} and {{node}}"
            )
    text = "".join(literal for literal, *_ in parts)
    wrong = sorted(
        {character for character in text if character in _RESERVED or not "!" <= character <= "~"}
    )
    if wrong:
        shown = " ".join("space" if character == " " else character for character in wrong)
        raise ValueError(
            f"an OSC address has none of these: {shown if shown.isprintable() else ascii(shown)}"
        )
    if not template.startswith("/") or template.endswith("/") or "//" in template:
        raise ValueError('an OSC address is "/" and a name, and so on: "/mood/{zone}/valence"')


def fill(template: str, *, zone: str, node: str) -> str:
    """Return the address."""
    return template.format(zone=zone, node=node)
