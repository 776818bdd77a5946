"""The client with which tests call the APIs"""

from django.test import Client

JSON = "application/json"


class Api(Client):
    """A client of the APIs: it sends JSON, and gets a crash as clients do, as a response.

    Each call takes `token`, the bearer token of the caller.
    """

    def __init__(self, **defaults):
        super().__init__(raise_request_exception=False, **defaults)

    def generic(self, method, path, *args, token=None, headers=None, **more):
        """Send a request with any method and any bytes."""
        if token is not None:
            headers = {"Authorization": f"Bearer {token}"} | (headers or {})
        return super().generic(method, path, *args, headers=headers, **more)

    def post(self, path, data=b"", content_type=JSON, *args, **more):
        """Post a value as JSON."""
        return super().post(path, data, content_type, *args, **more)

    def put(self, path, data=b"", content_type=JSON, *args, **more):
        """Put a value as JSON."""
        return super().put(path, data, content_type, *args, **more)

    def patch(self, path, data=b"", content_type=JSON, *args, **more):
        """Patch with a value as JSON."""
        return super().patch(path, data, content_type, *args, **more)

    def post_bytes(self, path, body, content_type=JSON, **more):
        """Post bytes as they are."""
        return self.generic("POST", path, body, content_type, **more)

    def post_chunked(self, path, stream, content_type=JSON, **more):
        """Post what a stream gives, without Content-Length, as the server hands it over."""
        environ = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "", "wsgi.input": stream}
        return self.generic("POST", path, b"", content_type, **environ, **more)
