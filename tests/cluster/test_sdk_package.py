"""The packed SDK, installed by npm in an empty folder, on a running cluster."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.cluster import Cluster
from deploy.layout import ROOT
from roomcast.contract.errors import Code
from roomcast.contract.tokens import sign

WEB = ROOT / "web"
README = (WEB / "sdk" / "README.md").read_text()
TOP_README = (ROOT / "README.md").read_text()
INSTALL_SECONDS = 240
RUN_SECONDS = 30
FUZZ_SECONDS = 240
CLIENT = Path(__file__).with_name("client")
TYPES = ["@types/react@19.3.3", "@types/node@20.19.25"]

CONFIG = """{
  "compilerOptions": {
    "strict": true, "noEmit": true, "jsx": "react-jsx", "target": "es2022", "lib": ["es2023", "dom"],
    "module": "preserve", "moduleResolution": "bundler", "types": ["node"]
  },
  "include": ["*.ts", "*.tsx"]
}"""

NATIVE = """
import type { Client } from "@roomcast/sdk";
declare const client: Client;
declare const AppState: { addEventListener(type: "change", listener: (state: string) => void): void };
"""
"""The declarations of a React Native application around the lines that the README shows."""

CLOSED_EARLY = """
import { connect } from "@roomcast/sdk";
let asked = 0;
const client = connect({ url: process.env.ROOMCAST_URL, token: () => (asked++, new Promise(() => {})) });
setTimeout(() => (client.close(), console.log("closed", asked)), 100);
"""

NO_ANSWER = """
import { createServer } from "node:net";
import { connect } from "@roomcast/sdk";
const server = createServer((socket) => socket.on("error", () => {}).unref()).listen(0, "127.0.0.1", () => {
  server.unref();
  const url = `http://127.0.0.1:${server.address().port}`;
  const client = connect({ url, token: () => "token", transports: process.argv[2].split(","), websocketOpenMs: 100 });
  setTimeout(() => (client.close(), console.log("closed")), 300);
});
"""

NOTHING_THERE = """
import { connect } from "@roomcast/sdk";
const backoff = { baseMs: 10, maxMs: 50 };
const client = connect({ url: "http://127.0.0.1:9", token: () => "token", backoff });
client.onState(({ phase, attempt, error }) => {
  if (phase !== "waiting" || attempt < 3) return;
  console.log(error.reason);
  client.close();
});
"""


UPLOADED = """
import { connect } from "@roomcast/sdk";
const token = process.argv[2];
const client = connect({ url: process.env.ROOMCAST_URL, token: () => token });
const room = client.room("public:files");
room.join();
const media = await client.upload(room.id, new File(["four"], "notes.txt", { type: "text/plain" })).done;
const id = room.send({ media });
room.subscribe(({ messages }) => {
  const sent = messages.find((message) => message.id === id && message.state === "sent");
  if (!sent) return;
  console.log(sent.media.name, sent.media.type, sent.media.size);
  client.close();
});
"""


def run(command: list[str], folder: Path, seconds: float = RUN_SECONDS, url: str = "") -> str:
    """Run a command to its end and return its output; fail the test on an error or a timeout."""
    environment = os.environ | {"ROOMCAST_URL": url}
    done = subprocess.run(
        command, cwd=folder, env=environment, check=False, capture_output=True, text=True, timeout=seconds
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def blocks(language: str, readme: str = README) -> list[str]:
    """Return a README's code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def consumer(npm_packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an application folder with only the result of `npm install` of the tarball."""
    folder = tmp_path_factory.mktemp("consumer")
    tarball = str(npm_packages["sdk"])
    (folder / "package.json").write_text('{"name": "consumer", "private": true, "type": "module"}')
    run(["npm", "install", "--no-audit", "--no-fund", tarball, *TYPES], folder, INSTALL_SECONDS)
    return folder


def test_the_first_program_of_the_readme_prints_its_message(consumer: Path, cluster: Cluster) -> None:
    (lines,) = blocks("js")
    (consumer / "hello.mjs").write_text(lines)
    assert run(["node", "hello.mjs"], consumer, url=cluster.url) == "Ada: Hello from the SDK\n"


def test_the_readmes_code_compiles_under_strict(consumer: Path) -> None:
    chat, native = blocks("ts")
    (room,) = blocks("tsx")
    (hook,) = [block for block in blocks("ts", TOP_README) if "@roomcast/sdk" in block]
    (consumer / "chat-client.ts").write_text(chat)
    (consumer / "room.tsx").write_text(room)
    (consumer / "hook.ts").write_text(hook)
    (consumer / "native.ts").write_text(NATIVE + native)
    (consumer / "tsconfig.json").write_text(CONFIG)
    run(["node", str(WEB / "node_modules" / "typescript" / "bin" / "tsc"), "-p", "."], consumer, INSTALL_SECONDS)


def test_a_program_in_node_uploads_a_file(consumer: Path, cluster: Cluster) -> None:
    (consumer / "uploaded.mjs").write_text(UPLOADED)
    token = sign(cluster.jwt_secret, "ada")
    assert run(["node", "uploaded.mjs", token], consumer, url=cluster.url) == "notes.txt text/plain 4\n"


def test_a_process_ends_after_close_while_the_token_source_is_pending(consumer: Path, cluster: Cluster) -> None:
    (consumer / "closed.mjs").write_text(CLOSED_EARLY)
    assert run(["node", "closed.mjs"], consumer, url=cluster.url) == "closed 1\n"


@pytest.mark.timeout(FUZZ_SECONDS + 30)
def test_no_odd_value_in_an_event_ends_the_connection(consumer: Path, cluster: Cluster) -> None:
    shutil.copy(CLIENT / "sdk_fuzz.mjs", consumer)
    token = sign(cluster.jwt_secret, "fuzz", name="Fuzz")
    seen = json.loads(run(["node", "sdk_fuzz.mjs", cluster.url, token], consumer, FUZZ_SECONDS))
    assert (seen["connects"], seen["phase"]) == (1, "online")
    assert set(seen["answers"]) <= {"ok", *(code.reason for code in Code if not code.retryable)}
    assert seen["answers"]["bad_request"] > 100
    assert seen["answers"]["too_large"] > 40


@pytest.mark.parametrize("transports", ["websocket", "polling", "websocket,polling"])
def test_a_process_ends_after_close_while_a_server_does_not_answer(consumer: Path, transports: str) -> None:
    (consumer / "hanging.mjs").write_text(NO_ANSWER)
    assert run(["node", "hanging.mjs", transports], consumer) == "closed\n"


def test_a_client_reports_a_missing_server_as_unavailable(consumer: Path) -> None:
    (consumer / "nothing.mjs").write_text(NOTHING_THERE)
    assert run(["node", "nothing.mjs"], consumer) == "unavailable\n"
