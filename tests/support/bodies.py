"""Request bodies that count how much of them is read"""

from io import BytesIO


class CountingBody(BytesIO):
    """A body that counts the bytes that were read of it."""

    bytes_read = 0

    def read(self, size=-1):
        data = super().read(size)
        self.bytes_read += len(data)
        return data
