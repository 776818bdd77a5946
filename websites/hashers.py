"""Hashes of passwords, which take a fifth of a second each."""

from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from config.server.computation import compute


class PasswordHasher(PBKDF2PasswordHasher):
    """Django's default one, which does not delay other requests."""

    def encode(self, password: str, salt: str, iterations: Any = None) -> str:
        return compute(super().encode, password, salt, iterations)
