"""JSON Schemas in words: the type and the range of a value."""

from collections.abc import Iterator
from typing import Any

from docs.reference.markdown import code

Node = dict[str, Any]

_TYPES = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "string": "text",
    "null": "null",
}
_BOUNDS = (
    ("minimum", "at least {:g}"),
    ("exclusiveMinimum", "above {:g}"),
    ("maximum", "at most {:g}"),
    ("exclusiveMaximum", "below {:g}"),
    ("maxLength", "at most {} characters"),
)


class Schema:
    """One model's JSON Schema.

    Parameters
    ----------
    content
        As pydantic makes it.
    """

    def __init__(self, content: Node) -> None:
        self._content = content

    @property
    def nested(self) -> Iterator[tuple[str, Node]]:
        """Yield the name and the schema of every model inside this one."""
        for name, node in self._content.get("$defs", {}).items():
            if "properties" in node:
                yield name, node

    @property
    def root(self) -> Node:
        """The model itself."""
        return self._content

    def type(self, node: Node, link: str) -> str:
        """Return the type of a value, in Markdown.

        Parameters
        ----------
        node
            Its schema.
        link
            Pattern of the anchor of a nested model, with `{}` in place of its name.
        """
        choices = node.get("anyOf", ())
        if choices:
            return " or ".join(self.type(choice, link) for choice in choices)
        if "$ref" in node:
            name = str(node["$ref"]).rpartition("/")[2]
            return f"[{name}]({link.format(name.lower())})"
        if isinstance(node.get("additionalProperties"), dict):
            return f"object, each {self.type(node['additionalProperties'], link)}"
        return _TYPES.get(node.get("type", ""), "text")

    def range(self, node: Node) -> str:
        """Return what a value may be, in Markdown; nothing where its type says it all."""
        said = [self.range(choice) for choice in node.get("anyOf", ())]
        if "const" in node:
            said.append(code(node["const"]))
        if "enum" in node:
            said.append(", ".join(code(choice) for choice in node["enum"]))
        if "minimum" in node and "maximum" in node:
            said.append(f"{node['minimum']:g} to {node['maximum']:g}")
        else:
            said += [words.format(node[key]) for key, words in _BOUNDS if key in node]
        return ", ".join(filter(None, said))
