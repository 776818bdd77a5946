"""Request bodies that count how much of them is read"""

import json
from io import BytesIO


class CountingBody(BytesIO):
    """A body that counts the bytes that were read of it."""

    bytes_read = 0

    def read(self, size=-1):
        data = super().read(size)
        self.bytes_read += len(data)
        return data


def properties_of_size(size):
    """Return properties of so many bytes, in two-byte letters but for one at the most."""
    room = size - len('{"a":""}')
    value = {"a": "é" * (room // 2) + "x" * (room % 2)}
    assert len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) == size
    return value
