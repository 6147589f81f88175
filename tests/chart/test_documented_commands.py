"""The commands for Kubernetes in the runbook, the chart's README and its notes name objects that the chart makes."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import indent
from typing import Any, Final

import pytest
import yaml

from deploy.layout import ROOT
from tests.chart.conftest import CHART, KUBERNETES, REQUIRED, Object, Render, the
from tests.documented_commands import RUNBOOK, commands

CALLS: Final = [tuple(call) for call in commands(RUNBOOK.read_text(), "kubectl")]


@pytest.fixture
def objects(render: Render) -> list[Object]:
    return render(REQUIRED)


def pods(objects: list[Object]) -> dict[str, Object]:
    """Return the pods of the StatefulSets by name, each with its template."""
    return {
        f"{each['metadata']['name']}-{each['spec']['ordinals']['start'] + number}": each["spec"]["template"]
        for each in objects
        if each["kind"] == "StatefulSet"
        for number in range(each["spec"]["replicas"])
    }


def test_the_runbook_calls_only_commands_that_this_test_knows() -> None:
    assert {call[0] for call in CALLS} == {"get", "logs", "delete"}


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_each_command_of_the_runbook_names_a_pod_of_the_chart(call: tuple[str, ...], objects: list[Object]) -> None:
    verb, *rest = call
    if verb == "logs":
        [pod] = rest
        assert len(pods(objects)[pod]["spec"]["containers"]) == 1, "kubectl asks for the container"
    else:
        kind, *wanted = rest
        assert kind.removesuffix("s") == "pod"
        assert set(wanted) <= set(pods(objects))


def test_the_runbook_upgrades_the_chart_of_this_repository() -> None:
    [[verb, release, chart, *_]] = commands(RUNBOOK.read_text(), "helm")
    assert (verb, release, ROOT / chart) == ("upgrade", "chat", CHART)


def test_the_notes_after_the_installation_name_objects_of_the_chart(
    helm: Path, objects: list[Object], values_file: Callable[[Mapping[str, Any]], Path], tmp_path: Path
) -> None:
    calls = list(commands(notes(helm, values_file(REQUIRED), tmp_path / "chart"), "kubectl"))
    rollout, forward = [call[2:] for call in calls if call[:2] == ["--namespace", "talk"]]
    assert rollout[:2] == ["rollout", "status"]
    assert the(objects, "StatefulSet", rollout[2].removeprefix("statefulset/"))
    assert forward[0] == "port-forward"
    service = the(objects, "Service", forward[1].removeprefix("service/"))
    assert int(forward[2].split(":")[1]) in [port["port"] for port in service["spec"]["ports"]]


def notes(helm: Path, values: Path, copy: Path) -> str:
    """Render the notes. `helm template` leaves them out, so a copy of the chart has them as an object."""
    shutil.copytree(CHART, copy)
    source = copy / "templates" / "NOTES.txt"
    source.with_name("notes.yaml").write_text(f"kind: Notes\ntext: |\n{indent(source.read_text(), '  ')}")
    command: list[str | Path] = [helm, "template", "chat", copy, "--namespace", "talk", "--values", values]
    command += ["--kube-version", KUBERNETES, "--show-only", "templates/notes.yaml"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return str(yaml.safe_load(done.stdout)["text"])


def test_the_command_of_the_readme_renders_the_chart(helm: Path) -> None:
    """`helm template` takes the arguments of `helm install`, and needs no cluster."""
    [block] = re.findall(r"^```sh\n(.*?)^```", (CHART / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert block.startswith("helm install chat ")
    script = block.replace("helm install", f"{shlex.quote(str(helm))} template --kube-version {KUBERNETES}")
    done = subprocess.run(["bash", "-ec", script], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    gateway = the(list(yaml.safe_load_all(done.stdout)), "StatefulSet", "chat-gateway")
    [container] = gateway["spec"]["template"]["spec"]["containers"]
    assert container["image"].startswith("registry.example.com/roomcast:")
    assert "https://app.example.com" in str(container["env"])
