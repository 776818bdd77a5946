"""A server on two databases that can be taken down"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.support.postgres_server import Postgres
from tests.support.processes import temporary_directory
from tests.support.server import Server, production_environment, serving

WRITE_TIMEOUT_SECONDS = 2
LIMIT_SECONDS = WRITE_TIMEOUT_SECONDS + 1


@contextmanager
def serving_on_two(**variables: str) -> Iterator[tuple[Server, dict[str, Postgres]]]:
    """Run a server with so few seconds to write; give it and its databases by their aliases."""
    with ExitStack() as stack:
        databases = {
            alias: stack.enter_context(
                Postgres(stack.enter_context(temporary_directory()), fsync="off")
            )
            for alias in ("default", "analytics")
        }
        environment = production_environment(
            stack.enter_context(temporary_directory()),
            main_url=databases["default"].main_url,
            analytics_url=databases["analytics"].analytics_url,
        )
        environment |= {"WRITE_TIMEOUT_SECONDS": str(WRITE_TIMEOUT_SECONDS)} | variables
        yield stack.enter_context(serving(environment)), databases
