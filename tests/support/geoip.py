"""Place databases in MaxMind's format, version 2, as small as they can be."""

from ipaddress import IPv6Network, ip_network
from typing import Any, NamedTuple

MARKER = b"\xab\xcd\xefMaxMind.com"
RECORD_BITS = 24
TEXT, UINT16, UINT32, MAP, UINT64, ARRAY = 2, 5, 6, 7, 9, 11


class Number(NamedTuple):
    """A whole number, and its type in the format."""

    value: int
    kind: int


def city_record(country, city=None, *, code="XX", region=None):
    """Return a record as MaxMind's city database has them."""
    record: dict[str, Any] = {
        "country": {"iso_code": code, "names": {"de": "falsch", "en": country}}
    }
    if region:
        record["subdivisions"] = [{"iso_code": "1", "names": {"de": "falsch", "en": region}}]
    if city:
        record["city"] = {"names": {"de": "falsch", "en": city}}
    return record


def write_places(path, records, *, ip_version=6):
    """Write a database of records by network; IPv4 lies in ::/96 of a database of both."""
    root, data = [None, None], b""
    for text, record in records.items():
        _plant(root, _bits(text, ip_version), len(data))
        data += _encoded(record)
    nodes = _numbered(root)
    tree = b"".join(
        _record(child, nodes).to_bytes(RECORD_BITS // 8, "big")
        for node in nodes.values()
        for child in node["children"]
    )
    metadata = {
        "node_count": Number(len(nodes), UINT32),
        "record_size": Number(RECORD_BITS, UINT16),
        "ip_version": Number(ip_version, UINT16),
        "database_type": "Test-City",
        "languages": ["en"],
        "binary_format_major_version": Number(2, UINT16),
        "binary_format_minor_version": Number(0, UINT16),
        "build_epoch": Number(1_769_630_400, UINT64),
        "description": {"en": "Places of tests"},
    }
    path.write_bytes(tree + bytes(16) + data + MARKER + _encoded(metadata))
    return str(path)


def _bits(text, ip_version):
    network = ip_network(text)
    if network.version < ip_version:
        network = IPv6Network((int(network.network_address), network.prefixlen + 96))
    width = network.max_prefixlen
    return f"{int(network.network_address):0{width}b}"[: network.prefixlen]


def _plant(node, bits, offset):
    for bit in bits[:-1]:
        if node[int(bit)] is None:
            node[int(bit)] = [None, None]
        node = node[int(bit)]
    node[int(bits[-1])] = offset


def _numbered(root):
    nodes: dict[int, dict[str, Any]] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        nodes[id(node)] = {"number": len(nodes), "children": node}
        waiting += [child for child in node if isinstance(child, list)]
    return nodes


def _record(child, nodes):
    if child is None:
        return len(nodes)
    return nodes[id(child)]["number"] if isinstance(child, list) else len(nodes) + 16 + child


def _encoded(value):
    match value:
        case str():
            return _control(TEXT, len(value.encode())) + value.encode()
        case Number(number, kind):
            size = (number.bit_length() + 7) // 8
            return _control(kind, size) + number.to_bytes(size, "big")
        case dict():
            members = (_encoded(key) + _encoded(each) for key, each in value.items())
            return _control(MAP, len(value)) + b"".join(members)
        case list():
            return _control(ARRAY, len(value)) + b"".join(map(_encoded, value))
    raise TypeError(value)


def _control(kind, size):
    assert size < 29, "longer values need another form"
    return bytes([kind << 5 | size]) if kind <= 7 else bytes([size, kind - 7])
