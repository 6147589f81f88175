"""Store an API key with every scope in a local cluster, at each start of the cluster. `make env` prints the key."""

from __future__ import annotations

import time
from typing import Final

import msgspec
import redis

from deploy.credentials import Credentials
from roomcast.contract import keys
from roomcast.contract.api_keys import ApiKey, Scope, digest_of

NAME: Final = "make run"


def store(credentials: Credentials, redis_port: int) -> None:
    """Store the key of these credentials in the cluster's Redis. Raises redis.RedisError when it does not answer."""
    key = ApiKey(NAME, tuple(scope.value for scope in Scope), int(time.time()))
    with redis.Redis.from_url(credentials.redis_url("admin", redis_port)) as client:
        client.hset(keys.API_KEYS, digest_of(credentials.api_key), msgspec.json.encode(key))
