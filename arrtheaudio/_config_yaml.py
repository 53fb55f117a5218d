"""YAML text to plain values: maps, lists, text, numbers, switches, null; bounded and strict.

Follows the core schema of YAML 1.2 (10.3.2) and not 1.1, where the language
code ``no`` is false and 1:30 is ninety. Dates stay text. Duplicate keys, tags and
merge keys are errors. Sizes, depth and the number of values after aliases are
bounded, so that no file costs more than it weighs. Knows nothing of our keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs
import yaml

from arrtheaudio._config_kinds import INVALID, Loose, Problems

LARGEST_FILE: Final = 262_144  # bytes; a thousand overrides need about a quarter of this
DEEPEST: Final = 8  # the model itself needs 4
MOST_VALUES: Final = 20_000  # after aliases are followed

_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT: Final = re.compile(
    r"[-+]?(\.[0-9]{1,18}|[0-9]{1,18}(\.[0-9]{0,18})?)([eE][-+]?[0-9]{1,2})?"
)
_WORDS: Final[Mapping[str, object]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_VARIABLE: Final = re.compile(r"\$(?:(?P<escaped>\$)(?=\{)|\{(?P<name>[^}]*)\})")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class BadYaml(Exception):
    """The text is no configuration at all; the message says where and why."""


def parse(
    text: str, problems: Problems, *, at: str = "", environ: Mapping[str, str] | None = None
) -> object:
    """Read one document whose key paths start with ``at``.

    With ``environ``, ``${NAME}`` in values is replaced from there. Faults of one
    value become problems of its key; BadYaml is raised for what ends the reading.
    """
    if len(text) > LARGEST_FILE:
        raise BadYaml(f"expected at most {LARGEST_FILE} characters")
    try:
        node = _compose(text)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise BadYaml(f"{where}{fault.problem or fault.context}") from None
    except yaml.YAMLError as fault:
        raise BadYaml(" ".join(str(fault).split())) from None
    return _Reader(problems, environ).value(node, at, 0) if node is not None else None


def _compose(text: str) -> yaml.Node | None:
    # Events come from a state machine; only composing recurses. So depth is bounded on them.
    depth = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise BadYaml(f"nested deeper than {DEEPEST} levels")
    return yaml.compose(text, Loader=yaml.BaseLoader)


@attrs.define
class _Reader:
    problems: Problems
    environ: Mapping[str, str] | None
    values: int = 0

    def value(self, node: yaml.Node, at: str, depth: int) -> object:
        self.values += 1
        if self.values > MOST_VALUES or depth > DEEPEST:  # an alias may contain itself
            raise BadYaml(f"more than {MOST_VALUES} values or {DEEPEST} levels behind its aliases")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, at, depth)
        if isinstance(node, yaml.SequenceNode):
            self.refuse_tag(node, "tag:yaml.org,2002:seq", at)
            return [
                self.value(entry, f"{at}[{place}]", depth + 1)
                for place, entry in enumerate(node.value)
            ]
        assert isinstance(node, yaml.ScalarNode), "YAML has three kinds of nodes"
        return self.scalar(node, at)

    def mapping(self, node: yaml.MappingNode, at: str, depth: int) -> dict[str, object]:
        self.refuse_tag(node, "tag:yaml.org,2002:map", at)
        found: dict[str, object] = {}
        for name_node, value_node in node.value:
            line = name_node.start_mark.line + 1
            if not isinstance(name_node.value, str):
                self.problems.add(at, f"expected a plain word as a key in line {line}")
                continue
            name = name_node.value
            path = f"{at}.{name}" if at else name
            if name in found:
                self.problems.add(path, f"is said twice, again in line {line}")
            found[name] = self.value(value_node, path, depth + 1)
        return found

    def scalar(self, node: yaml.ScalarNode, at: str) -> object:
        self.refuse_tag(node, "tag:yaml.org,2002:str", at)
        text: str = node.value
        if self.environ is not None and "${" in text:
            # Quoted or not: inside [ ] and { } YAML wants the quotes because of the braces.
            before = len(self.problems.found)
            replaced = self.replaced(text, self.environ, at)
            return Loose(replaced) if len(self.problems.found) == before else INVALID
        return _resolved(text) if node.style is None else text

    def refuse_tag(self, node: yaml.Node, usual: str, at: str) -> None:
        if node.tag not in (usual, "!"):
            self.problems.add(at, f"tags such as {node.tag} are not used here")

    def replaced(self, text: str, environ: Mapping[str, str], at: str) -> str:
        def one(match: re.Match[str]) -> str:
            if match["escaped"]:
                return "$"
            name = match["name"]
            if not _NAME.fullmatch(name):
                self.problems.add(at, f"${{{name}}} names no variable; $${{ stands for ${{")
            elif name not in environ:
                self.problems.add(at, f"the environment variable {name} is not set")
            else:
                return environ[name]
            return ""

        return _VARIABLE.sub(one, text)


def _resolved(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
