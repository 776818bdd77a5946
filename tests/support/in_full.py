"""How often tests repeat: in full in `make soak`, a sixth as often in `make test`

Such tests have the mark in_full, by which tests/soak/soak_in_full.py finds them.
"""

import os

IN_FULL = "TESTS_IN_FULL"


def repeated(times: int) -> int:
    """Return how often something happens that happens so often in full."""
    return times if IN_FULL in os.environ else max(times // 6, 1)
