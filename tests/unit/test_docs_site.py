"""The pages of the documentation site, and the targets of their links."""

from __future__ import annotations

import pytest

from deploy.layout import ROOT
from deploy.release.versions import DISTRIBUTIONS
from docs.site import hooks


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("README.md", "[p](docs/protocol.md)", "[p](protocol.md)"),
        ("README.md", "![x](docs/images/page.png)", "![x](images/page.png)"),
        ("README.md", "[o](docs/operations.md#durability)", "[o](operations.md#durability)"),
        ("docs/operations.md", "[c](../README.md#configuration)", "[c](index.md#configuration)"),
        ("gateway/README.md", "[w](../wire/README.md)", "[w](wire.md)"),
        ("docs/decisions/0001-x.md", "[2](0002-room-log-as-a-hash.md)", "[2](0002-room-log-as-a-hash.md)"),
        (
            "docs/operations.md",
            "[code](../nginx.conf) and [away](https://example.com/a)",
            "code and [away](https://example.com/a)",
        ),
        ("docs/operations.md", "[here](#durability)", "[here](#durability)"),
    ],
)
def test_links_stay_in_the_site_or_become_text(source: str, text: str, expected: str) -> None:
    place = hooks.PAGES.get(source, source.removeprefix("docs/"))
    assert hooks.linked(text, source, place) == expected


def test_every_readme_of_a_distribution_is_a_page() -> None:
    assert {f"{name}/README.md" for name in DISTRIBUTIONS} <= set(hooks.PAGES)


@pytest.mark.parametrize("name", hooks.REFERENCE)
def test_the_reference_names_every_public_module(name: str) -> None:
    folder, package = hooks.REFERENCE[name]
    page = hooks.reference(folder, package)
    modules = list(hooks.modules(ROOT / folder, package))
    assert len(modules) >= 2
    assert all(f"::: {module}\n" in page for module in modules)
    assert "__" not in page
