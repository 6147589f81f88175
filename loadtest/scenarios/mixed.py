"""The default scenario: a mix of all chat activities, including uploads and lost networks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import requests
from locust import between, task

from loadtest.scenarios.chat import Chat
from loadtest.scenarios.media import post_picture

LOBBY_USERS: Final = 200


class Mixed(Chat):
    """Rooms of ten and lobbies of two hundred: messages, typing, history, a picture, a lost network now and then."""

    wait_time = between(1, 3)

    def on_start(self) -> None:
        super().on_start()
        self.http = requests.Session()
        self._has_posted = False

    def room_names(self) -> Iterable[str]:
        lobby = f"public:load-{self.state.id}-{self.state.worker}-lobby-{self.number // LOBBY_USERS}"
        return (*super().room_names(), lobby)

    @task(2)
    def send_to_lobby(self) -> None:
        self.say(list(self.rooms)[1])

    @task(3)
    def post_picture(self) -> None:
        """Post one picture per run."""
        if not self._has_posted:
            self._has_posted = True
            post_picture(self, self.http)

    @task(1)
    def lose_network(self) -> None:
        self.drop()
        self.ready.wait(30)
