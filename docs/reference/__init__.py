"""The reference, written from the code whenever the site is built.

`written()` gives every page and file of it by its place in the site. Nothing of it is kept in the
repository, so nothing of it can be out of date.
"""

from docs.reference import command_line, configuration, mqtt, python


def written() -> dict[str, str]:
    """Return the text of every page and file of the reference, by its place in the site."""
    return {
        **mqtt.written(),
        **configuration.written(),
        "reference/command-line.md": command_line.page(),
        **python.written(),
    }
