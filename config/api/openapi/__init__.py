"""The OpenAPI 3.1 document of all APIs, generated from their code."""
