"""The description of all APIs in OpenAPI 3.1, made from the code that answers."""
