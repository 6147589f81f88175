"""Choose the node name of this process, and refuse clients while an older process has the same name."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import time
from typing import Final

from roomcast.adapter.redis.canary import DEAF_SECONDS
from roomcast.wire.limited_log import LimitedLog
from roomcast.wire.session_ids import SessionIds

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,16}")
_DUPLICATE: Final = (
    "another process has the node name %s, so this process serves no clients. Give each process a different name, or no"
    " name: it then chooses a random one"
)
_log = logging.getLogger(__name__)


class DuplicateNodeError(RuntimeError):
    """Another process of the deployment has this node name, and started before this one."""


class NodeIdentity:
    """The name and the incarnation of this process among the nodes of the deployment.

    `given`: the name, 1 to 16 characters of `[A-Za-z0-9_-]`. None: each process chooses a random name. Raise ValueError
    for any other name. `is_leased`: the application makes sure that the name is unique, so no check is needed.
    """

    def __init__(self, given: str | None, *, is_leased: bool) -> None:
        if given is not None and not _NAME.fullmatch(given):
            raise ValueError("a node name has 1 to 16 characters of A-Z a-z 0-9 _ -")
        self._given = given
        self._is_leased = is_leased
        self._outranked_until = float("-inf")
        self._limited = LimitedLog(_log, 60.0)
        self.choose()

    def choose(self) -> None:
        """Choose the name and the incarnation. A forked process calls this again."""
        self._process = os.getpid()
        self.name = self._given or f"w{secrets.token_hex(5)}"
        self.incarnation = secrets.token_hex(4)
        self.started_at = time.time()
        self.new_session_id = SessionIds(self.name)

    @property
    def is_forked(self) -> bool:
        """Return whether this process was forked after the last `choose`."""
        return os.getpid() != self._process

    @property
    def must_claim(self) -> bool:
        """Return whether another process may have the name, so that canaries must check it before the first client."""
        return self._given is not None and not self._is_leased

    @property
    def is_duplicate(self) -> bool:
        """Return whether an older process of this name was found in the last DEAF_SECONDS."""
        return asyncio.get_running_loop().time() < self._outranked_until

    def give_way(self) -> None:
        """Refuse clients for DEAF_SECONDS, because an older process with this name gets the same node messages."""
        if not self._is_leased:
            self._outranked_until = asyncio.get_running_loop().time() + DEAF_SECONDS
            self._limited.error("duplicate", _DUPLICATE, self.name)

    def check(self) -> None:
        """Raise DuplicateNodeError if an older process has this name."""
        if self.is_duplicate:
            raise DuplicateNodeError(_DUPLICATE % self.name)
