"""`deploy/bootstrap.py`, the first file that runs on a machine."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import bootstrap


def test_a_python_that_is_too_old_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    with pytest.raises(SystemExit) as ended:
        bootstrap.main()
    assert ended.value.code == "roomcast: Python 3.11 or newer is needed; this is 3.9"


def test_an_old_python_can_load_the_file() -> None:
    """The file has the grammar of Python 3.6. At its top it imports the standard library only."""
    tree = ast.parse(Path(bootstrap.__file__).read_text(), feature_version=(3, 6))
    top = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    top |= {node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert top == {"hashlib", "os", "shutil", "subprocess", "sys", "pathlib"}


def test_the_package_of_the_file_imports_no_module() -> None:
    init = Path(bootstrap.__file__).with_name("__init__.py").read_text()
    assert not [node for node in ast.walk(ast.parse(init)) if isinstance(node, ast.Import | ast.ImportFrom)]


def test_make_reports_a_missing_python() -> None:
    done = subprocess.run(
        ["make", "status", "PYTHON="], cwd=bootstrap.ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "roomcast: Python 3.11 or newer is needed" in done.stderr


def test_a_python_without_optimisations_is_replaced_by_the_python_of_the_distribution(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "stamp")
    monkeypatch.setattr(bootstrap, "DISTRIBUTION", sys.executable)
    monkeypatch.setattr(bootstrap, "is_optimised", lambda: False)

    def execv(path: str, arguments: list[str]) -> None:
        ran.append(arguments)
        sys.exit(0)

    monkeypatch.setattr("deploy.bootstrap.os.execv", execv)
    monkeypatch.setattr(sys, "argv", ["bootstrap", "--best"])
    with pytest.raises(SystemExit):
        bootstrap.main()
    assert ran[0][:4] == [sys.executable, "-m", "deploy.bootstrap", "--stamp"]
    assert "built without optimisations" in capsys.readouterr().err
    (tmp_path / "stamp").write_text(ran[0][4])
    bootstrap.main()  # the environment is now current, so no Python replaces this one
    assert len(ran) == 1


def test_a_missing_or_unusable_python_is_not_preferred() -> None:
    assert bootstrap._suits(sys.executable)
    assert not bootstrap._suits("/no/such/python")
    assert not bootstrap._suits("/bin/false")
