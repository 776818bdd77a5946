"""Signing keys: one for each use, derived from SECRET_KEY"""

import hashlib
import hmac
from collections.abc import Sequence


def signing_keys(use: str, secrets: Sequence[str]) -> list[str]:
    """Return the keys of a use: the one that signs, then those that only verify.

    secrets: SECRET_KEY, then those from before a rotation. They verify themselves too, since they
    signed everything before each use had a key of its own; whoever has a secret can derive its
    keys, so that this opens nothing.
    """
    derived = [hmac.digest(secret.encode(), use.encode(), hashlib.sha256) for secret in secrets]
    return [*(key.hex() for key in derived), *secrets]
