"""JSON Schema 2020-12 of annotations, as OpenAPI 3.1 wants it.

Walks the same classes and limits that ``schema`` validates with, and the
TypedDicts of ``answers``; named types are collected as components.
"""

from __future__ import annotations

import enum
import inspect
import types
import typing as t
from collections.abc import Callable, Mapping, Sequence

import attrs

from arrtheaudio.api.schema import Bounds, Length, Note, Pattern, spelling, unannotated

Json = dict[str, t.Any]


class Schemas:
    """JSON Schema of annotations; named types are collected as components."""

    def __init__(self) -> None:
        self.components: dict[str, Json] = {}

    def of(self, annotation: t.Any) -> Json:
        """The schema of one annotation, with its limits."""
        base, extras = unannotated(annotation)
        schema = self._plain(base)
        for extra in extras:
            schema = {**schema, **_limits(extra, is_list=schema.get("type") == "array")}
        return schema

    def properties(self, model: type) -> tuple[dict[str, Json], list[str]]:
        """The schema of each field of an attrs class, and which are required."""
        hints = t.get_type_hints(model, include_extras=True)
        properties, required = {}, []
        for field in attrs.fields(model):
            schema = self.of(hints[field.name])
            if field.default is attrs.NOTHING:
                required.append(spelling(field))
            elif isinstance(field.default, str | int | float | bool):
                default = field.default
                schema = {
                    **schema,
                    "default": default.value if isinstance(default, enum.Enum) else default,
                }
            properties[spelling(field)] = schema
        return properties, required

    def _plain(self, base: t.Any) -> Json:
        origin, args = t.get_origin(base), t.get_args(base)
        if base is t.Any:
            return {}
        if origin in (t.Union, types.UnionType):
            return self._union(args)
        if origin is t.Literal:
            return {"type": "string", "enum": list(args)}
        if origin in (t.Required, t.NotRequired):
            return self.of(args[0])
        if origin in (list, tuple, Sequence):
            return {"type": "array", "items": self.of(args[0])}
        if origin in (dict, Mapping):
            return {"type": "object", "additionalProperties": self.of(args[1])}
        if isinstance(base, type):
            return self._class(base)
        raise TypeError(f"no JSON schema for {base!r}")

    def _class(self, base: type) -> Json:
        for kind, name in (
            (bool, "boolean"),
            (int, "integer"),
            (float, "number"),
            (type(None), "null"),
        ):
            if base is kind:
                return {"type": name}
        if issubclass(base, enum.Enum):
            members = [member.value for member in base]
            return self._named(base, lambda: {"type": "string", "enum": members})
        if base is str:
            return {"type": "string"}
        if attrs.has(base):
            return self._named(base, lambda: self._attrs(base))
        if t.is_typeddict(base):
            return self._named(base, lambda: self._typed_dict(base))
        raise TypeError(f"no JSON schema for {base!r}")

    def _union(self, args: Sequence[t.Any]) -> Json:
        schemas = [self.of(arg) for arg in args]
        plain = [s for s in schemas if set(s) == {"type"}]
        if len(plain) == len(schemas):
            return {"type": [s["type"] for s in schemas]}
        return {"anyOf": schemas}

    def _named(self, base: type, make: Callable[[], Json]) -> Json:
        name = base.__name__
        if name not in self.components:
            self.components[name] = {}  # before its fields: a type may contain itself
            self.components[name] = make()
            doc = inspect.cleandoc(base.__doc__ or "")
            if doc and not doc.startswith("Method generated"):
                self.components[name]["description"] = doc
        return {"$ref": f"#/components/schemas/{name}"}

    def _attrs(self, model: type) -> Json:
        properties, required = self.properties(model)
        schema: Json = {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
        }
        return {**schema, "required": required} if required else schema

    def _typed_dict(self, model: t.Any) -> Json:
        hints = t.get_type_hints(model, include_extras=True)
        return {
            "type": "object",
            "properties": {name: self.of(hint) for name, hint in hints.items()},
            # Not __required_keys__: it cannot see NotRequired in postponed annotations.
            "required": sorted(
                name
                for name, hint in hints.items()
                if t.get_origin(hint) is not t.NotRequired and name not in model.__optional_keys__
            ),
            "additionalProperties": False,
        }


def _limits(extra: t.Any, *, is_list: bool) -> Json:
    limits: Json
    match extra:
        case Bounds():
            limits = {"minimum": extra.least, "maximum": extra.most}
        case Length():
            names = ("minItems", "maxItems") if is_list else ("minLength", "maxLength")
            limits = dict(zip(names, (extra.least or None, extra.most), strict=True))
        case Pattern():
            limits = {"pattern": f"^(?:{extra.regex})$"}
        case Note():
            example = None if extra.example is None else [extra.example]
            limits = {"description": extra.text, "examples": example}
        case _:
            limits = {}
    return {name: limit for name, limit in limits.items() if limit is not None}
