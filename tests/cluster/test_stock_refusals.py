"""Packets of a stock client that the gateway refuses: each is answered with a code, and the client stays connected."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Final

import pytest

from deploy import web_build
from deploy.cluster import Cluster
from roomcast.contract.tokens import sign
from tests.cluster.stock_clients import CLIENT

SECONDS: Final = 60.0
TOO_LARGE: Final = {
    "a text of 150,000 characters",
    "a text of 900,000 characters",
    "a text of 300,000 bytes in emoji",
    "an edit of 150,000 characters",
    "a note of 150,000 characters",
    "a list of 20,000 users",
    "an unknown event of 150,000 characters",
    "a name of 150,000 characters",
    "an attachment of 150,000 bytes",
    "three attachments of 50,000 bytes",
    "a small attachment behind a large one",
    "a large text with an attachment",
}
OVER_THE_LIMIT_BEFORE_SIGN_IN: Final = {
    "a token of 20,000 characters",
    "a token of 150,000 characters",
    "a note of 20,000 characters",
}


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_every_refusal_gets_an_answer_and_causes_no_reconnect(cluster: Cluster, transport: str) -> None:
    web_build.install_packages(CLIENT)
    node = shutil.which("node")
    assert node is not None
    token = sign(cluster.jwt_secret, f"stock-{transport}")
    arguments = [node, str(CLIENT / "refused.mjs"), cluster.url, token, transport]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)

    expected = {name: "too_large" if name in TOO_LARGE else "bad_request" for name in seen["answers"]}
    assert seen["answers"] == expected
    assert expected.keys() > TOO_LARGE
    assert seen["burst"] == list(range(1, 61))
    assert (seen["connects"], seen["disconnects"]) == (1, 0)

    assert seen["refused"].keys() > OVER_THE_LIMIT_BEFORE_SIGN_IN
    for name, refusal in seen["refused"].items():
        large = name in OVER_THE_LIMIT_BEFORE_SIGN_IN
        assert refusal["messages"] in ([["too_large"]] if large else [["bad_request"], ["unauthorized"]]), name
        assert refusal["connects"] == 1, name
