"""Any text from a viewer is parsed as a command or refused."""

import json

from hypothesis import given
from hypothesis import strategies as st

from streamer.outputs.dashboard.web.viewers import _parse_command

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(["zone", "name", "value", "id", "more"])


def is_command(command):
    return command is None or (
        command.keys() == {"zone", "name", "value", "id"}
        and all(isinstance(each, str) for each in command.values())
    )


@given(st.text())
def test_any_text_is_a_command_or_refused(text):
    assert is_command(_parse_command(text))


@given(VALUES | st.dictionaries(KEYS, VALUES))
def test_any_json_is_a_command_or_refused(content):
    assert is_command(_parse_command(json.dumps(content)))
