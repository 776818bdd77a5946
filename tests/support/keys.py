"""Idempotency keys, valid and invalid"""

from config.db import uuid7

KEY = "019c0630-fe00-70c8-aa3a-de3497964cb8"  # of 2026-01-28T20:00:00Z
OTHER_KEY = "019c0630-fe00-7001-af77-6c8423e57a27"  # of the same time
DUPLICATE = {"X-Event-Outcome": "duplicate"}
IN_USE = "Idempotency key already in use"
OTHER_TIME = "Timestamp does not match idempotency key"
NOT_A_KEY = "Idempotency-Key must be a version 7 UUID"
INVALID_KEYS = (
    *("", "1", "order-4711", KEY.replace("-", ""), f"{{{KEY}}}", f'"{KEY}"', f"urn:uuid:{KEY}"),
    *(f"{KEY}, {KEY}", f"{KEY}x", "é" * 36, "x" * 5000),
    "00000000-0000-0000-0000-000000000000",
    "019c0630-fe00-40c8-aa3a-de3497964cb8",  # version 4
    "019c0630-fe00-70c8-ca3a-de3497964cb8",  # of another variant
    "00000000-0000-7000-8000-000000000000",  # of 1970
    "014aa2ca-afff-7000-8000-000000000000",  # of 2014-12-31T23:59:59.999Z
    "ffffffff-ffff-7fff-bfff-ffffffffffff",
)


def header(key=KEY):
    """Return the header with a key."""
    return {"Idempotency-Key": key}


def key_of(ms):
    """Return a key of a time in Unix milliseconds."""
    return str(uuid7.new_id(ms))
