"""One method of one path as an OpenAPI operation: its request and all its responses."""

import inspect
import re
from itertools import groupby
from typing import Any

import msgspec
from drf_spectacular import openapi
from drf_spectacular.drainage import warn
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.plumbing import ResolvedComponent
from rest_framework.authentication import BaseAuthentication

from config.api.bodies import Body, Csv
from config.api.cors import is_listable, is_public
from config.api.fields import List, StrictField
from config.api.openapi.bodies import Schema, component_name, reference, schemas_of
from config.api.openapi.errors import ErrorSample, error_samples
from config.api.openapi.headers import HEADERS, key_parameter, outcome_header
from config.api.serializers import StrictSerializer
from config.api.view import ApiView, Shape, endpoint, endpoint_of

TEXT = "text/plain"
JSON = "application/json"
CSV = "text/csv"
SHAPES = {TEXT: "Plain text.", CSV: "Lines of comma separated values, the first one their names."}
FORM = "application/x-www-form-urlencoded"
# Of parameters: a list is one, comma separated; each member of an object is one of its own.
EXPLODE = {"array": False, "object": True}
FORM_CONTENT = {  # an object here would mean key=value pairs
    "schema": {
        "type": "string",
        "contentMediaType": JSON,
        "description": "The same JSON, as `curl -d` sends it.",
    }
}


def no_request(*args: Any) -> None:
    """Return no request: the document is the same for all of them."""


class StrictFieldExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Ask each strict field for its schema."""

    target_class = StrictField
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> Schema:
        schema: Schema = self.target.json_schema()
        if isinstance(self.target, List) and self.target.child:
            child = self.target.child
            items = "contains" if self.target.allow_invalid else "items"
            schema[items] = (
                child.json_schema()
                if isinstance(child, StrictField)
                else auto_schema.resolve_serializer(child, direction).ref
            )
        return schema


class AutoSchema(openapi.AutoSchema):
    """Describe an endpoint by its declaration and by the errors of its dialect."""

    @property
    def api_view(self) -> type[ApiView]:
        """The class of the view; others are excluded."""
        view = type(self.view)
        assert issubclass(view, ApiView)
        return view

    @property
    def endpoint(self) -> endpoint:
        return endpoint_of(self.api_view, self.method)

    def is_excluded(self) -> bool:
        return not isinstance(self.view, ApiView)

    def get_operation_id(self) -> str:
        steps = re.findall(r"\w+", self.path.removeprefix("/api/").removeprefix("v1/"))
        return "_".join([self.method.lower(), *steps])

    def get_tags(self) -> list[str]:
        return [self.api_view.api.name]

    def get_summary(self) -> str:
        summary = self._docstring()[0].removesuffix(".")
        if not summary:
            warn("its handler has no docstring, which would be the summary")
        return summary

    def get_description(self) -> str:  # type: ignore[override]
        about = self._docstring()[1]
        limit = self.endpoint.rate.about if self.endpoint.rate else ""
        return "\n\n".join(filter(None, [about, limit]))

    def get_auth(self) -> list[dict[str, list[str]]]:
        declared = self.endpoint
        if declared.authentication:
            return _security(declared.authentication)
        if declared.optional_authentication:
            return [{}, *_security(declared.optional_authentication)]
        return []

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        return component_name(type(serializer))

    def _docstring(self) -> tuple[str, str]:
        """Return the first line of the handler's docstring, and what follows it."""
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
        fields = [field for each in serializers for field in each.fields.values()]
        query = [self._query_parameter(field) for field in fields]
        return path + query + [key_parameter(self.endpoint)] * self.endpoint.takes_key

    def _query_parameter(self, field: Any) -> Schema:
        schema = self._map_serializer_field(field, "request")  # type: ignore[no-untyped-call]
        about = schema.pop("description", None)
        examples = schema.pop("examples", [])
        parameter = {
            "name": field.field_name,
            "in": "query",
            "required": field.required,
            "schema": schema,
        }
        if schema.get("type") in EXPLODE:
            explode = getattr(field, "explode", EXPLODE[schema["type"]])
            parameter |= {"style": "form", "explode": explode}
        parameter |= {"description": about} if about else {}
        return parameter | ({"example": examples[0]} if examples else {})

    def _get_request_body(self, direction: Any = "request") -> Schema | None:
        serializers = self.endpoint.serializers
        if not serializers or self.method == "GET":
            return None
        arrays = (self.endpoint.array,) if self.endpoint.array else ()
        content = {JSON: self._content(*serializers, *arrays)}
        if is_public(self.path):
            content |= {TEXT: content[JSON], FORM: FORM_CONTENT}
        required = any(field.required for field in serializers[0].fields.values())
        return {
            "content": content,
            "required": required and not serializers[0].partial,
        }

    def _get_response_bodies(self, direction: Any = "response") -> Schema:
        declared = self.endpoint.responses
        if not declared:
            warn("its endpoint declares no `responses`")
        responses = {status: self._success(shape) for status, shape in declared.items()}
        samples = error_samples(self.api_view, self.method, self.path)
        for status, group in groupby(samples, key=lambda sample: sample.status):
            if status not in responses:
                responses[status] = self._error(list(group))
        return {str(status): responses[status] for status in sorted(responses)}

    def _success(self, shape: Shape | tuple[Shape, ...] | None) -> Schema:
        headers = self._headers(["X-Event-Outcome"] if self.endpoint.ingest else [])
        if shape is None:
            return {"description": "Done; no body.", "headers": headers}
        if isinstance(shape, type) and issubclass(shape, str):
            media_type = CSV if shape is Csv else TEXT
            content = {media_type: {"schema": {"type": "string"}}}
            return {"description": SHAPES[media_type], "headers": headers, "content": content}
        shapes = shape if isinstance(shape, tuple) else (shape,)
        abouts = [(inspect.getdoc(each) or "").partition("\n")[0] for each in shapes]
        return {
            "description": " Or: ".join(abouts),
            "headers": headers,
            "content": {JSON: self._content(*shapes)},
        }

    def _error(self, samples: list[ErrorSample]) -> Schema:
        """Return the response of one status."""
        shapes = dict.fromkeys(type(sample.body) for sample in samples)
        schema = self._content(*shapes)["schema"]
        return {
            "description": ". ".join(dict.fromkeys(sample.reason for sample in samples)) + ".",
            "headers": self._error_headers(samples),
            "content": {JSON: {"schema": schema, "examples": _error_examples(samples)}},
        }

    def _error_headers(self, samples: list[ErrorSample]) -> Schema:
        headers = self._headers([])
        for name in dict.fromkeys(name for sample in samples for name in sample.headers):
            is_constant = all(name in sample.headers for sample in samples)
            optional = HEADERS[name] | {"required": False}
            headers[name] = self._header(name) if is_constant else optional
        outcomes = list(dict.fromkeys(sample.outcome for sample in samples if sample.outcome))
        if outcomes:
            is_constant = all(sample.outcome for sample in samples)
            headers = {"X-Event-Outcome": outcome_header(outcomes, required=is_constant)} | headers
        return headers

    def _headers(self, names: list[str]) -> Schema:
        """Return some headers, with those of all responses of the path."""
        always = ["X-Request-Id"]
        if self.path.startswith("/api/"):
            always.append("Cache-Control")
        if is_public(self.path) or is_listable(self.path):
            always += ["Access-Control-Allow-Origin", "Access-Control-Expose-Headers"]
        headers = {name: self._header(name) for name in [*always, *names]}
        if is_listable(self.path):
            headers["Access-Control-Allow-Origin"] = self._header("Allowed-Origin")
        optional = {name: HEADERS[name] | {"required": False} for name in self.endpoint.headers}
        return headers | optional

    def _header(self, name: str) -> Schema:
        self._register(name, ResolvedComponent.HEADER, HEADERS[name])
        return reference(name, ResolvedComponent.HEADER)

    def _content(self, *shapes: Any) -> Schema:
        """Return a body of one of several shapes: serializers, arrays, or classes of bodies."""
        schemas = [self._schema(shape) for shape in shapes]
        schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        examples = {
            _example_name(shape): {"value": shape.example}
            for shape in shapes
            if shape.example is not None
        }
        return {"schema": schema} | ({"examples": examples} if examples else {})

    def _schema(self, shape: StrictSerializer | List | type[Body]) -> Schema:
        if isinstance(shape, List):
            return shape.json_schema()
        if isinstance(shape, StrictSerializer):
            return dict(self.resolve_serializer(shape, "request").ref)
        for name, schema in schemas_of(shape).items():
            self._register(name, ResolvedComponent.SCHEMA, schema)
        return reference(component_name(shape))

    def _register(self, name: str, kind: str, content: Schema) -> None:
        component = ResolvedComponent(name, kind, content, object=Body)  # type: ignore[no-untyped-call]
        self.registry.register_on_missing(component)
        if self.registry[component].schema != content:
            warn(f"two components have the name {name}")

    def _postprocess_serializer_schema(
        self, schema: Schema, serializer: Any, direction: Any
    ) -> Schema:
        if serializer.partial:  # all that it has may be left out
            return {key: value for key, value in schema.items() if key != "required"}
        return schema


def _security(authentication: type[BaseAuthentication]) -> list[dict[str, list[str]]]:
    """Return the schemes of which a request needs one."""
    return [{scheme: []} for scheme in authentication.schemes]  # type: ignore[attr-defined]


def _example_name(shape: StrictSerializer | List | type[Body]) -> str:
    kind = shape if isinstance(shape, type) else type(shape)
    return kind.__name__.removesuffix("Serializer").removesuffix("Body")


def _error_examples(samples: list[ErrorSample]) -> Schema:
    """Return each different body once, under a name."""
    examples: Schema = {}
    for sample in samples:
        body = msgspec.to_builtins(sample.body)
        if all(body != example["value"] for example in examples.values()):
            is_taken = sample.name in examples
            name = f"{sample.name}{len(examples) + 1}" if is_taken else sample.name
            examples[name] = {"summary": sample.reason, "value": body}
    return examples
