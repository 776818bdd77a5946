"""Time limits of statements and of waits for locks, by the kind of process."""

COMMAND_LOCK_MS = 2_000  # an autovacuum that is in the way gives way after one second
_is_command = False


def set_for_commands() -> None:
    """Let this process run commands; it must not have read its settings yet.

    A statement may take as long as it does. Whoever waits for a lock of a table makes all wait who
    come later, so that is given up soon, and repeated (config/commands.py).
    """
    global _is_command
    _is_command = True


def options(request_seconds: float) -> str:
    """Return PostgreSQL's options of a connection; requests wait for so many seconds."""
    request_ms = round(request_seconds * 1000)
    statement_ms, lock_ms = (0, COMMAND_LOCK_MS) if _is_command else (request_ms, request_ms)
    return f"-c statement_timeout={statement_ms} -c lock_timeout={lock_ms}"
