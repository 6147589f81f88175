"""The Helm chart renders with typical sets of values, and every object is valid Kubernetes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.chart.conftest import CHART, REQUIRED, Object, Render, merged, the

kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="make chart installs kubernetes-validate")

SCHEMA: Final = "1.31"
EXTENSIONS: Final = {"ServiceMonitor", "PrometheusRule", "HTTPRoute"}
"""Kinds of objects that other projects define; the schemas of Kubernetes do not include them."""

SECRETS: Final = (
    "ROOMCAST_REDIS_URL",
    "ROOMCAST_JWT_SECRET",
    "ROOMCAST_CLUSTER_KEY",
    "ROOMCAST_PUBLISH_HOOK",
    "AWS_SECRET_ACCESS_KEY",
)

SETS: Final[dict[str, dict[str, Any]]] = {
    "defaults": REQUIRED,
    "existing secret": {"secrets": {"existing": "chat-secrets"}, "auth": {"jwksUrl": "https://id.example.com/jwks"}},
    "large": merged(
        REQUIRED,
        {
            "gateway": {"autoscaling": {"enabled": True, "maxReplicas": 400}, "nodeSelector": {"pool": "chat"}},
            "nginx": {"replicas": 6, "service": {"type": "LoadBalancer"}, "frontProxies": ["10.9.0.0/16"]},
            "monitoring": {"serviceMonitor": True, "prometheusRule": True, "labels": {"release": "prometheus"}},
        },
    ),
    "redis over TLS": merged(
        REQUIRED,
        {
            "redis": {
                "gatewayUrl": "rediss+sentinel://a:26379,b:26379/main",
                "tls": {"caSecret": "redis-ca", "clientSecret": "redis-client"},
            },
            "networkPolicies": {"redisPorts": [6380, 26379]},
        },
    ),
    "with the API": merged(
        REQUIRED,
        {
            "api": {"enabled": True, "route": True},
            "redis": {"apiUrl": "redis://api:pw@redis:6379/0"},
            "monitoring": {"serviceMonitor": True},
        },
    ),
    "with a publish hook": merged(
        REQUIRED, {"gateway": {"publishHook": {"enabled": True, "setting": '{"url": "…"}', "port": 8443}}}
    ),
    "without media": merged(
        REQUIRED,
        {
            "media": {"enabled": False},
            "networkPolicies": {"enabled": False},
            "gatewayApi": {"enabled": True, "parentRefs": [{"name": "edge"}], "hostnames": ["chat.example.com"]},
        },
    ),
}


@pytest.fixture(params=SETS, ids=str)
def objects(request: pytest.FixtureRequest, render: Render) -> list[Object]:
    return render(SETS[request.param])


def test_helm_lint_finds_no_fault(helm: Path, tmp_path: Path) -> None:
    values = tmp_path / "values.json"
    values.write_text(json.dumps(REQUIRED))
    done = subprocess.run(
        [helm, "lint", "--strict", CHART, "--values", values], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout


def test_every_object_is_valid(objects: list[Object]) -> None:
    own = [each for each in objects if each["kind"] not in EXTENSIONS]
    assert len(own) > 8
    for each in own:
        kubernetes_validate.validate(each, SCHEMA, strict=True)


def test_no_two_objects_have_the_same_name(objects: list[Object]) -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in objects]
    assert len(names) == len(set(names))


def test_containers_run_without_privileges(objects: list[Object]) -> None:
    workloads = [each for each in objects if each["kind"] in ("StatefulSet", "Deployment")]
    assert len(workloads) >= 3
    for workload in workloads:
        pod = workload["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"]
            assert not security["allowPrivilegeEscalation"]
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]


def test_no_container_environment_contains_a_secret_as_plain_text(objects: list[Object]) -> None:
    secrets = [
        variable
        for workload in objects
        if workload["kind"] in ("StatefulSet", "Deployment")
        for container in workload["spec"]["template"]["spec"]["containers"]
        for variable in container["env"]
        if variable["name"] in SECRETS
    ]
    assert {"ROOMCAST_REDIS_URL", "ROOMCAST_CLUSTER_KEY"} <= {variable["name"] for variable in secrets}
    assert [variable for variable in secrets if "value" in variable] == []


def test_gateways_may_reach_the_publish_hook(render: Render) -> None:
    objects = render(SETS["with a publish hook"])
    policy = the(objects, "NetworkPolicy", "chat-gateway")["spec"]
    assert 8443 in [port["port"] for rule in policy["egress"] for port in rule["ports"]]
    gateway = the(objects, "StatefulSet", "chat-gateway")["spec"]["template"]["spec"]["containers"][0]
    [variable] = [each for each in gateway["env"] if each["name"] == "ROOMCAST_PUBLISH_HOOK"]
    key = variable["valueFrom"]["secretKeyRef"]
    secret = the(objects, "Secret", key["name"])
    assert secret["stringData"][key["key"]] == '{"url": "…"}'


def test_every_selector_matches_a_pod(objects: list[Object]) -> None:
    pods = [
        each["spec"]["template"]["metadata"]["labels"]
        for each in objects
        if each["kind"] in ("StatefulSet", "Deployment")
    ]
    for each in objects:
        selector = each.get("spec", {}).get("selector") if each["kind"] == "Service" else None
        if each["kind"] == "PodDisruptionBudget":
            selector = each["spec"]["selector"]["matchLabels"]
        if selector:
            assert [labels for labels in pods if selector.items() <= labels.items()], each["metadata"]["name"]


def test_liveness_checks_healthz_and_the_grace_period_exceeds_the_drain(render: Render) -> None:
    stateful = the(render(merged(REQUIRED, {"gateway": {"drainSeconds": 30}})), "StatefulSet", "chat-gateway")
    pod = stateful["spec"]["template"]["spec"]
    gateway = pod["containers"][0]
    assert gateway["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert gateway["readinessProbe"]["httpGet"]["path"] == "/readyz"
    pause = int(gateway["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] >= pause + 30 + 10
    assert stateful["spec"]["ordinals"] == {"start": 1}


def test_the_autoscaler_removes_one_gateway_a_minute(render: Render) -> None:
    scaler = the(render(SETS["large"]), "HorizontalPodAutoscaler", "chat-gateway")["spec"]
    assert scaler["behavior"]["scaleDown"]["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    assert scaler["behavior"]["scaleDown"]["stabilizationWindowSeconds"] >= 300
    assert scaler["metrics"][0]["pods"]["metric"]["name"] == "roomcast_gateway_connections"
    assert "replicas" not in the(render(SETS["large"]), "StatefulSet", "chat-gateway")["spec"]


def test_the_chart_ships_the_alerts_of_the_repository(render: Render) -> None:
    rule = the(render(SETS["large"]), "PrometheusRule", "chat")
    alerts = CHART.parent.parent / "observability" / "alerts.yaml"
    assert (CHART / "files" / "alerts.yaml").read_text() == alerts.read_text()
    assert rule["spec"] == yaml.safe_load(alerts.read_text())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"gateway": {"replicas": 0}}, "/gateway/replicas"),
        ({"gateway": {"replica": 3}}, "/gateway"),
        ({"auth": {"jwtSecret": "short"}}, "/auth/jwtSecret"),
        ({"redis": {"gatewayUrl": "http://redis"}}, "/redis/gatewayUrl"),
        ({"origins": ["app.example.com"]}, "/origins/0"),
        ({"media": {"s3": {"bucket": "UPPER"}}}, "/media/s3/bucket"),
    ],
)
def test_helm_names_the_path_of_an_invalid_value(
    template: Callable[[Mapping[str, Any]], subprocess.CompletedProcess[str]], wrong: dict[str, Any], said: str
) -> None:
    done = template(merged(REQUIRED, wrong))
    assert done.returncode != 0
    assert said in done.stderr


def test_helm_names_a_missing_required_value(
    template: Callable[[Mapping[str, Any]], subprocess.CompletedProcess[str]],
) -> None:
    done = template({})
    assert done.returncode != 0
    assert "redis.gatewayUrl is required" in done.stderr


@pytest.mark.parametrize(
    ("storage", "origins"),
    [
        ({}, "https://s3.amazonaws.com/roomcast https://s3.amazonaws.com/roomcast/ https://roomcast.s3.amazonaws.com"),
        ({"endpoint": "https://s3.example.com"}, "https://s3.example.com https://roomcast.s3.example.com"),
        (
            {"endpoint": "http://minio:9000", "publicEndpoint": "https://files.example.com/", "bucket": "chat"},
            "https://files.example.com https://chat.files.example.com",
        ),
    ],
    ids=["AWS", "own", "public"],
)
def test_the_page_may_reach_only_the_hosts_of_the_storage(
    render: Render, storage: dict[str, str], origins: str
) -> None:
    nginx = the(render(merged(REQUIRED, {"media": {"s3": storage}})), "Deployment", "chat-nginx")
    [container] = nginx["spec"]["template"]["spec"]["containers"]
    assert [each["value"] for each in container["env"] if each["name"] == "MEDIA_ORIGIN"] == [origins]
