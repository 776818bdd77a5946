"""Two hosts that serve the same databases, each with a disk of its own"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from config.db.embedded_postgres import database_url
from tests.support.migrated_data import ANALYTICS
from tests.support.postgres_server import Postgres
from tests.support.processes import free_port, temporary_directory
from tests.support.redis_server import Redis
from tests.support.server import Environment, Server, production_environment, serving
from tests.support.standby import standby


class Hosts(NamedTuple):
    """Their servers and environments, and what they share."""

    servers: list[Server]
    environments: list[Environment]
    postgres: Postgres
    redis: Redis
    stack: ExitStack

    @property
    def ports(self) -> list[int]:
        return [server.port for server in self.servers]

    def start(self, number: int) -> None:
        """Start a host again that was killed."""
        environment = self.environments[number]
        self.servers[number] = self.stack.enter_context(serving(environment))

    def spool(self, number: int) -> Path:
        """Return the folder of a host's journal."""
        return Path(self.environments[number]["VAR_DIR"], "spool")


@contextmanager
def two_hosts(*, has_replica: bool = False, **variables: str) -> Iterator[Hosts]:
    """Run two hosts; one of them may end before the block does."""
    with ExitStack() as stack:
        postgres = stack.enter_context(
            Postgres(stack.enter_context(temporary_directory()), fsync="off")
        )
        if has_replica:
            replica_dir = stack.enter_context(temporary_directory())
            stack.enter_context(standby(postgres, replica_dir))
            variables["ANALYTICS_REPLICA_URL"] = database_url(replica_dir, ANALYTICS)
        redis = stack.enter_context(Redis())
        environments = [
            production_environment(
                stack.enter_context(temporary_directory()),
                main_url=postgres.main_url,
                analytics_url=postgres.analytics_url,
            )
            | {"REDIS_URL": redis.url, "PORT": str(free_port())}
            | variables
            for _ in range(2)
        ]
        servers = [stack.enter_context(serving(each)) for each in environments]
        yield Hosts(servers, environments, postgres, redis, stack)
