"""Generate the reference pages from the code when the site is built.

The repository holds no copy of them, so they cannot be out of date.
"""

from docs.reference import command_line, configuration, mqtt, python


def generate_files() -> dict[str, str]:
    """Return the text of every reference page and file, by its path in the site."""
    return {
        **mqtt.generate_files(),
        **configuration.generate_files(),
        "reference/command-line.md": command_line.page(),
        **python.generate_files(),
    }
