"""Schemas of response bodies, in the form that drf-spectacular gives to those of serializers."""

import re
from typing import Any

import msgspec
from drf_spectacular.plumbing import ResolvedComponent, build_choice_field
from rest_framework.serializers import ChoiceField

from config.api.bodies import Body

Schema = dict[str, Any]


def component_name(kind: type) -> str:
    """Return the name of a class with its API before it, for two of them may have an `Event`."""
    return _api_of(kind) + kind.__name__.removesuffix("Serializer")


def reference(name: str, kind: str = ResolvedComponent.SCHEMA) -> Schema:
    return {"$ref": f"#/components/{kind}/{name}"}


def schemas_of(body: type[Body]) -> dict[str, Schema]:
    """Return the schemas of a body and of those within it, by the names of their components."""
    api = _api_of(body)
    template = reference(f"{api}{{name}}")["$ref"]
    _, schemas = msgspec.json.schema_components([body], ref_template=template)
    return {f"{api}{name}": normalised(schema) for name, schema in schemas.items()}


def normalised(schema: Schema) -> Schema:
    """Return a schema of msgspec as drf-spectacular would write it.

    No title and no default; null as one of several types; fields with a default, which are always
    sent, as required ones.
    """
    schema = {key: value for key, value in schema.items() if key not in ("title", "default")}
    match schema:
        case {"anyOf": [one, {"type": "null"}], **others}:
            return _nullable(normalised(one)) | others
        case {"enum": values}:
            return build_choice_field(ChoiceField(values)) | schema
        case {"properties": _}:
            return _object(schema)
        case {"type": "array"}:
            return schema | {"items": normalised(schema.get("items", {}))}
        case {"type": "object"}:
            members = schema.get("additionalProperties", {})
            return schema | {"additionalProperties": normalised(members)}
    return schema


def _object(schema: Schema) -> Schema:
    fields = schema.pop("properties")
    always_sent = {name for name, field in fields.items() if "default" in field}
    required = sorted(always_sent.union(schema.pop("required", ())))
    schema["properties"] = {name: normalised(field) for name, field in fields.items()}
    return schema | ({"required": required} if required else {})


def _nullable(schema: Schema) -> Schema:
    choices = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return schema | {"type": [schema["type"], "null"]} | choices


def _api_of(kind: type) -> str:
    module = re.sub(r"[._](api|dialect|responses|serializers)$", "", kind.__module__)
    return module.rpartition(".")[2].capitalize()
