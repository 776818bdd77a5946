"""The script as it is served: plain, as gzip and as Brotli, each with an ETag of its own."""

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
SOURCE = FOLDER / "tracker.js"
MINIFIED = FOLDER / "tracker.min.js"
BROTLI = FOLDER / "tracker.min.js.br"


@dataclass(frozen=True, slots=True)
class Variant:
    """The script in one content encoding, `identity` being none."""

    encoding: str
    content: bytes
    etag: str


@cache
def variants() -> tuple[Variant, ...]:
    """Return all variants, the smallest first."""
    content = MINIFIED.read_bytes()
    contents = {
        "br": BROTLI.read_bytes(),
        "gzip": gzip.compress(content, mtime=0),
        "identity": content,
    }
    digest = hashlib.sha256(content).hexdigest()[:16]
    return tuple(
        Variant(encoding, content, f'"{digest}-{encoding}"')
        for encoding, content in contents.items()
    )


def variant_for(accept_encoding: str) -> Variant:
    """Return the variant that an Accept-Encoding header wants most; of equals the smallest."""
    weights = _weights(accept_encoding)

    def weight(variant: Variant) -> float:
        wanted = weights.get(variant.encoding, weights.get("*", 0.0))
        # Good when nothing else is, even where a client refuses it.
        return max(wanted, 0.0001) if variant.encoding == "identity" else wanted

    return max(variants(), key=weight)


def _weights(accept_encoding: str) -> dict[str, float]:
    """Return the weight of each encoding in the header; a malformed one counts as 0."""
    weights = {}
    for part in accept_encoding.lower().split(","):
        encoding, _, parameter = part.partition(";")
        weights[encoding.strip()] = _weight(parameter.replace(" ", "")) if parameter else 1.0
    return weights


def _weight(parameter: str) -> float:
    found = re.fullmatch(r"q=([01](?:\.\d{0,3})?)", parameter)
    return float(found[1]) if found else 0.0
