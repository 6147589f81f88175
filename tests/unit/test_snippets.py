"""Every fenced block of code in a document is run by a test, or is listed here with the reason why it is not.

A new block must be added to RUN, with the test that runs it, or to NOT_RUN.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from deploy.layout import ROOT

LANGUAGES: Final = {"sh", "bash", "python", "js", "ts", "tsx", "json"}
NO_CODE: Final = {"", "mermaid", "promql"}
"""Languages of blocks that are no code. tests/integration/operations runs the queries of alerts and dashboards."""
NOT_OURS: Final = {"node_modules", "dist", "site"}
"""Folders with copies of documents, and with those of others."""
_API: Final = "tests/integration/api/test_doc_snippets.py"
_ADAPTER: Final = "tests/integration/adapter/test_readme.py"
_NEXT: Final = "tests/browser/test_next.py"
_PACKAGES: Final = "tests/packages/test_readmes.py"
_GUIDE: Final = "tests/browser/test_product_page.py"
_REACT: Final = "tests/browser/test_react.py"
_RUNBOOK: Final = "tests/integration/operations/test_runbook_commands.py"
_SDK: Final = "tests/cluster/test_sdk_package.py"
_DOCS: Final = "tests/unit/test_docs.py"


class Checked(NamedTuple):
    """The test that checks a block without running it, and the reason why it does not run it."""

    test: str
    reason: str


RUN: Final[dict[str, dict[str, str]]] = {
    "README.md": {
        "// chat.ts": "tests/browser/test_readme_recipe.py",
        "import Backend": "tests/integration/contract/test_readme.py",
        "import RedisAdapter": "tests/cluster/test_readme_server.py",
    },
    "adapter/README.md": dict.fromkeys(("# aiohttp_app.py", "# asgi_app.py", "# publish.py"), _ADAPTER),
    "api/README.md": dict.fromkeys(("pip install", "make_application"), _PACKAGES),
    "contract/README.md": {"import asyncio, os": _PACKAGES},
    "docs/http-api.md": dict.fromkeys(("auth=", "http_backend", "@roomcast/api"), _API),
    "docs/operations.md": dict.fromkeys(('"secret"', "is_signed"), _DOCS),
    "docs/product-page.md": {
        **{f"// {name}": _GUIDE for name in ("token-server.mjs", "vite.config.ts", "src/shop.ts")},
        **{f"// {name}": _GUIDE for name in ("src/Order.tsx", "src/App.tsx")},
        **{f"# {name}": _GUIDE for name in ("api.sh", "order.sh", "progress.sh", "end.sh")},
    },
    "docs/runbook.md": dict.fromkeys(("rc()", "ROOMCAST_CLUSTER_KEY", "ROOMCAST_HOTPATH"), _RUNBOOK),
    "gateway/README.md": {"import asyncio, os, socketio": _PACKAGES},
    "media/README.md": dict.fromkeys(("pip install", "charset, detect"), _PACKAGES),
    "presence/README.md": dict.fromkeys(("pip install", "judge"), _PACKAGES),
    "process/README.md": {"import asyncio": _PACKAGES},
    "web/README.md": dict.fromkeys(("// chat-client.ts", "// chat.tsx", "// app/api/chat-token/route.ts"), _NEXT),
    "web/api/README.md": {"createApi": _API},
    "web/react/README.md": {
        "RoomcastProvider": _REACT,
        **{f"function {name}(": _REACT for name in ("Status", "People", "Timeline", "Inbox")},
        **{f"function {name}(": _REACT for name in ("Composer", "Friends", "Attach")},
    },
    "web/sdk/README.md": {"Hello from the SDK": _SDK},
    "wire/README.md": {"from roomcast.wire": _PACKAGES},
}
"""Document -> a text that only one of its blocks contains -> the test that runs this block."""

NOT_RUN: Final[dict[str, dict[str, Checked]]] = {
    "CONTRIBUTING.md": {
        "from deploy.cluster": Checked(_DOCS, "starts a cluster of its own; the test checks that its names exist")
    },
    "README.md": {
        '"use client";': Checked(
            "tests/cluster/test_readme_recipe.py", "compiled with strict types; the code that it calls, chat.ts, runs"
        ),
        "EMPTY_ROOM": Checked(_SDK, "compiled with strict types; test_next.py runs the longer form of web/README.md"),
    },
    "cli/README.md": {
        "pip install roomcast-cli": Checked(
            _DOCS, "parsed by the real command; its lines drain and close, and tests/cluster/test_cli.py runs each once"
        )
    },
    "deploy/chart/roomcast/README.md": {
        "helm install": Checked("tests/chart/test_documented_commands.py", "needs a cluster; the test renders instead")
    },
    "docs/load-testing.md": {
        text: Checked(_DOCS, "parsed by locust: minutes of load on another machine's deployment")
        for text in ("git clone", "-t 10m LargeRoom", "--stages", "--processes 4")
    },
    "web/sdk/README.md": {
        "// chat-client.ts": Checked(_SDK, "compiled with strict types; test_next.py runs it from web/README.md"),
        "// room.tsx": Checked(_SDK, "compiled with strict types; test_next.py runs the like of web/README.md"),
        "AppState": Checked(_SDK, "compiled with strict types; needs React Native"),
    },
}
"""Blocks that no test runs."""


def blocks(document: str) -> list[tuple[str, str]]:
    """Return the language and the code of each fenced block."""
    text = (ROOT / document).read_text()
    return re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)


def documents() -> list[str]:
    """Return the documents of the repository."""
    found: list[Path] = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in NOT_OURS]
        found += [Path(folder, name) for name in files if name.endswith(".md")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


@pytest.mark.parametrize("document", documents())
def test_every_block_of_code_is_run_by_a_test_or_excluded_with_a_reason(document: str) -> None:
    found = blocks(document)
    assert {language for language, _ in found} <= LANGUAGES | NO_CODE
    codes = [code for language, code in found if language in LANGUAGES]
    listed = [*RUN.get(document, ()), *NOT_RUN.get(document, ())]
    for text in listed:
        assert sum(text in code for code in codes) == 1, f"{text} is in no block, or in several"
    for code in codes:
        assert sum(text in code for text in listed) == 1, f"add this block to RUN or NOT_RUN:\n{code}"


def test_the_listed_tests_read_their_documents() -> None:
    for document, tests in [*RUN.items(), *((name, _tests(each)) for name, each in NOT_RUN.items())]:
        for test in tests.values():
            text = (ROOT / test).read_text()
            name = document.rpartition("/")[2]
            assert name in text or "RUNBOOK" in text, f"{test} does not read {document}"


def _tests(excluded: dict[str, Checked]) -> dict[str, str]:
    return {text: each.test for text, each in excluded.items()}
