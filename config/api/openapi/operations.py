"""One method of one path as an OpenAPI operation: what it takes, all that it may answer."""

import inspect
import re
from itertools import groupby
from typing import Any

from django.conf import settings
from drf_spectacular import openapi
from drf_spectacular.drainage import warn
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.plumbing import ResolvedComponent
from rest_framework import serializers

from config.api.answers import Answer
from config.api.bodies import Body
from config.api.cors import is_public
from config.api.fields import StrictField
from config.api.openapi.bodies import (
    Schema,
    component_name,
    schemas_of,
)
from config.api.openapi.errors import (
    Refusal,
    refusals,
)
from config.api.openapi.headers import (
    HEADERS,
    outcome_header,
)
from config.api.serializers import ListOf
from config.api.view import (
    ApiView,
    endpoint,
    endpoint_of,
)

TEXT = "text/plain"
JSON = "application/json"


def no_request(*args: Any) -> None:
    """Let nobody ask a request: what is described is true for all of them."""


class StrictFieldExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Let every strict field describe itself."""

    target_class = StrictField
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> Schema:
        schema: Schema = self.target.json_schema()
        if isinstance(self.target, ListOf):
            schema["items"] = auto_schema.resolve_serializer(self.target.item, direction).ref
        return schema


class AutoSchema(openapi.AutoSchema):
    """Describe an endpoint by what it declares and by what its dialect says."""

    @property
    def described(self) -> type[ApiView]:
        """The view of the endpoint."""
        view = type(self.view)
        assert issubclass(view, ApiView)  # others are excluded
        return view

    @property
    def endpoint(self) -> endpoint:
        """What it declares."""
        return endpoint_of(self.described, self.method)

    def is_excluded(self) -> bool:
        return not isinstance(self.view, ApiView)

    def get_operation_id(self) -> str:
        steps = re.findall(r"\w+", self.path.removeprefix("/api/").removeprefix("v1/"))
        return "_".join([self.method.lower(), *steps])

    def get_tags(self) -> list[str]:
        return [self.described.api.name]

    def get_summary(self) -> str:
        summary = self._documentation()[0].removesuffix(".")
        if not summary:
            warn("its handler has no docstring, which would be the summary")
        return summary

    def get_description(self) -> str:  # type: ignore[override]
        about = self._documentation()[1]
        rate = self.endpoint.rate
        limit = f"Limit: `{getattr(settings, rate)}` (`{rate}`)." if rate else ""
        return "\n\n".join(filter(None, [about, limit]))

    def get_auth(self) -> list[dict[str, list[str]]]:
        here = self.endpoint
        if here.authentication:
            return [{here.authentication.scheme: []}]  # type: ignore[attr-defined]
        if here.optional_authentication:
            return [{}, {here.optional_authentication.scheme: []}]  # type: ignore[attr-defined]
        return []

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        return component_name(type(serializer))

    def _documentation(self) -> tuple[str, str]:
        handler = getattr(self.view, self.method.lower())
        summary, _, rest = (inspect.getdoc(handler) or "").partition("\n\n")
        return summary, rest

    def _get_parameters(self) -> list[Schema]:
        path = [
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": {"type": "string", "minLength": 1, "pattern": "^[^/]+$"},
            }
            for name in re.findall(r"{(\w+)}", self.path)
        ]
        serializers = self.endpoint.serializers if self.method == "GET" else ()
        fields = [field for taker in serializers for field in taker.fields.values()]
        return path + [self._query_parameter(field) for field in fields]

    def _query_parameter(self, field: Any) -> Schema:
        schema = self._map_serializer_field(field, "request")  # type: ignore[no-untyped-call]
        about = schema.pop("description", None)
        return {
            "name": field.field_name,
            "in": "query",
            "required": field.required,
            "schema": schema,
        } | ({"description": about} if about else {})

    def _get_request_body(self, direction: Any = "request") -> Schema | None:
        serializers = self.endpoint.serializers
        if not serializers or self.method == "GET":
            return None
        media_types = [JSON, TEXT] if is_public(self.path) else [JSON]
        required = any(field.required for field in serializers[0].fields.values())
        return {
            "content": dict.fromkeys(media_types, self._content(*serializers)),
            "required": required and not serializers[0].partial,
        }

    def _get_response_bodies(self, direction: Any = "response") -> Schema:
        here = self.endpoint
        if not here.responses:
            warn("its endpoint declares no `responses`")
        described = {status: self._success(shape) for status, shape in here.responses.items()}
        ways = refusals(self.described, self.method, self.path)
        for status, group in groupby(ways, key=lambda way: way.status):
            if status not in described:
                described[status] = self._refusal(list(group))
        return {str(status): described[status] for status in sorted(described)}

    def _success(self, shape: Any) -> Schema:
        headers = self._headers(["X-Event-Outcome"] if self.endpoint.ingest else [])
        if shape is None:
            return {"description": "Done; no body.", "headers": headers}
        if shape in (str, serializers.CharField):
            content = {TEXT: {"schema": {"type": "string"}}}
            return {"description": "Plain text.", "headers": headers, "content": content}
        shapes = shape if isinstance(shape, tuple) else (shape,)
        abouts = [(inspect.getdoc(each) or "").partition("\n")[0] for each in shapes]
        return {
            "description": " Or: ".join(abouts),
            "headers": headers,
            "content": {JSON: self._content(*map(_sample_of, shapes))},
        }

    def _refusal(self, ways: list[Refusal]) -> Schema:
        shapes = dict.fromkeys(way.shape for way in ways)
        schema = self._content(*map(_sample_of, shapes))["schema"]
        headers = self._headers([])
        for name in dict.fromkeys(name for way in ways for name in way.headers):
            is_always_told = all(name in way.headers for way in ways)
            rare = HEADERS[name] | {"required": False}
            headers[name] = self._header(name) if is_always_told else rare
        outcomes = list(dict.fromkeys(way.outcome for way in ways if way.outcome))
        if outcomes:
            is_always_told = all(way.outcome for way in ways)
            told = outcome_header(outcomes, required=is_always_told)
            headers = {"X-Event-Outcome": told} | headers
        return {
            "description": ". ".join(dict.fromkeys(way.reason for way in ways)) + ".",
            "headers": headers,
            "content": {JSON: {"schema": schema, "examples": _examples(ways)}},
        }

    def _headers(self, names: list[str]) -> Schema:
        """Return the headers of an answer, with those that all answers of its path have."""
        always = ["X-Request-Id"]
        if self.path.startswith("/api/"):
            always.append("Cache-Control")
        if is_public(self.path):
            always += ["Access-Control-Allow-Origin", "Access-Control-Expose-Headers"]
        told = {name: self._header(name) for name in [*always, *names]}
        return told | {name: HEADERS[name] | {"required": False} for name in self.endpoint.headers}

    def _header(self, name: str) -> Schema:
        return self._register(name, ResolvedComponent.HEADER, HEADERS[name])

    def _content(self, *alternatives: Any) -> Schema:
        """Return a body that may be one of several objects."""
        schemas = [self._reference(each) for each in alternatives]
        schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        examples = {
            _name_of(each).removesuffix("Serializer").removesuffix("Body"): {"value": each.example}
            for each in alternatives
            if each.example is not None
        }
        return {"schema": schema} | ({"examples": examples} if examples else {})

    def _reference(self, shape: Any) -> Schema:
        if not isinstance(shape, type):
            return dict(self.resolve_serializer(shape, "response").ref)
        for name, schema in schemas_of(shape).items():
            self._register(name, ResolvedComponent.SCHEMA, schema)
        return self._register(component_name(shape), ResolvedComponent.SCHEMA)

    def _register(self, name: str, kind: str, content: Schema | None = None) -> Schema:
        """Return a reference to a component, which is registered if it is new."""
        component = ResolvedComponent(name, kind, content, object=Body)  # type: ignore[no-untyped-call]
        self.registry.register_on_missing(component)
        if content and self.registry[component].schema != content:
            warn(f"two components have the name {name}")
        return dict(component.ref)

    def _postprocess_serializer_schema(
        self, schema: Schema, serializer: Any, direction: Any
    ) -> Schema:
        if isinstance(serializer, Answer):
            return schema | {"additionalProperties": False}
        if serializer.partial:  # all that it has may be left out
            return {name: said for name, said in schema.items() if name != "required"}
        return schema


def _name_of(shape: Any) -> str:
    return (shape if isinstance(shape, type) else type(shape)).__name__


def _sample_of(shape: Any) -> Any:
    return shape() if issubclass(shape, Answer) else shape


def _examples(ways: list[Refusal]) -> Schema:
    """Return each different body once, under a name."""
    examples: Schema = {}
    for way in ways:
        if all(way.body != example["value"] for example in examples.values()):
            name = way.name if way.name not in examples else f"{way.name}{len(examples) + 1}"
            examples[name] = {"summary": way.reason, "value": way.body}
    return examples
