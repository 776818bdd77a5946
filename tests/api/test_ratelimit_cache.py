"""The cache of rate limits in Redis"""

import pytest
from django.core.cache.backends.base import BaseCache

from config.api.ratelimit_cache import RedisCache
from tests.support.redis_server import Redis

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cache():
    with Redis() as server:
        yield RedisCache(server.url, {})


def test_a_counter_rises(cache: BaseCache):
    assert cache.add("counter", 1, timeout=60)
    assert not cache.add("counter", 1, timeout=60)
    assert [cache.incr("counter"), cache.incr("counter", 2)] == [2, 4]
    assert cache.get("counter") == 4


def test_a_counter_that_is_not_there_is_not_made(cache: BaseCache):
    with pytest.raises(ValueError, match="not found"):
        cache.incr("nothing")
    assert cache.get("nothing") is None
