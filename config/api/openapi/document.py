"""The whole OpenAPI document, made once by each process that is asked for it."""

from functools import cache
from threading import Lock
from typing import Any

import msgspec
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer

MEDIA_TYPES = [  # the best first
    "application/json",
    "application/vnd.oai.openapi+json",
    "application/yaml",
    "application/vnd.oai.openapi",
]
FORMATS = {"json": "application/json", "yaml": "application/yaml"}


_making = Lock()  # what drf-spectacular loads at its first use is not safe for threads


@cache
def document() -> Any:
    with _making:
        return SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]


@cache
def rendered(media_type: str) -> bytes:
    """Return the text of the document in one of the media types."""
    if "json" in media_type:
        return msgspec.json.encode(document())
    text: bytes = OpenApiYamlRenderer().render(document())  # type: ignore[no-untyped-call]
    return text
