"""Hooks of mkdocs that add pages outside docs/ and a Python reference to the site.

`README.md`, `CONTRIBUTING.md` and similar files stay where GitHub shows them; `on_files` adds them as pages. It also
adds one page per Python package, made from its docstrings. A link to a file that is not in the site becomes plain text,
because the build does not know the address at which the repository is published.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]

PAGES: Final = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "CODE_OF_CONDUCT.md": "code-of-conduct.md",
    "web/README.md": "web.md",
    **{f"web/{name}/README.md": f"web/{name}.md" for name in ("sdk", "react", "api")},
    **{f"{name}/README.md": f"packages/{name}.md" for name in ("adapter", "api", "cli", "contract", "gateway")},
    **{f"{name}/README.md": f"packages/{name}.md" for name in ("media", "presence", "process", "wire")},
}
"""Paths of pages outside docs/, with their paths in the site."""

REFERENCE: Final = {
    "contract": ("contract/src", "roomcast.contract"),
    "adapter": ("adapter/src", "roomcast.adapter"),
    "engineio": ("adapter/src", "roomcast.engineio"),
    "socketio": ("adapter/src", "roomcast.socketio"),
    "wire": ("wire/src", "roomcast.wire"),
    "process": ("process/src", "roomcast.process"),
    "gateway": ("gateway/src", "roomcast.gateway"),
    "presence": ("presence/src", "roomcast.presence"),
    "media": ("media/src", "roomcast.media"),
    "api": ("api/src", "roomcast.api"),
    "cli": ("cli/src", "roomcast.cli"),
}
"""One reference page per import package, with the package's source folder and import name."""

SDK_PAGE: Final = """# @roomcast/sdk

The TypeScript reference is a separate site: <a href="../../sdk/index.html">open it</a>.
`make docs` builds it from the SDK's comments.
"""

_LINK: Final = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s#]*)(?P<anchor>#[^)\s]*)?\)")
_IMAGE: Final = re.compile(r"!\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
_IS_FAR: Final = re.compile(r"[a-z]+:|#|$")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages outside docs/ and the reference pages."""
    from mkdocs.structure.files import File

    for source, place in PAGES.items():
        if (ROOT / source).is_file():
            text = linked((ROOT / source).read_text(), source, place)
            files.append(File.generated(config, place, content=text))
    files.append(File.generated(config, "reference/sdk.md", content=SDK_PAGE))
    for name, (folder, package) in REFERENCE.items():
        files.append(File.generated(config, f"reference/{name}.md", content=reference(folder, package)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Correct the links of a page of docs/ to files outside docs/."""
    place = page.file.src_uri
    if page.file.generated_by is not None:
        return markdown
    return linked(markdown, f"docs/{place}", place)


def linked(text: str, source: str, place: str) -> str:
    """Return a page with links that work in the site; `source` is its path in the repository, `place` in the site."""

    def mended(match: re.Match[str]) -> str:
        target = match["target"]
        if _IS_FAR.match(target):
            return match[0]
        found = site_place(posixpath.normpath(posixpath.join(posixpath.dirname(source), target)))
        if found is None:
            return match["text"]
        address = posixpath.relpath(found, posixpath.dirname(place) or ".")
        return match[0].replace(f"({target}", f"({address}", 1)

    return _LINK.sub(mended, _IMAGE.sub(mended, text))


def site_place(path: str) -> str | None:
    """Return the path in the site of a file of the repository; None if the site does not have the file."""
    if path in PAGES:
        return PAGES[path] if (ROOT / path).is_file() else None
    is_page = path.startswith("docs/") and not path.endswith(".py") and (ROOT / path).is_file()
    return path.removeprefix("docs/") if is_page else None


def reference(folder: str, package: str) -> str:
    """Return the reference page of a package: its own docstring, then each of its public modules."""
    lines = [f"# {package}", "", f"::: {package}", "    options: {show_root_heading: false, members: false}", ""]
    for module in modules(ROOT / folder, package):
        lines += [f"::: {module}", ""]
    return "\n".join(lines)


def modules(folder: Path, package: str) -> Iterator[str]:
    """Yield the names of a package's public modules, including the modules of its subpackages."""
    top = folder / package.replace(".", "/")
    for path in sorted(top.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if not any(part.startswith("_") for part in parts):
            yield ".".join(parts)
