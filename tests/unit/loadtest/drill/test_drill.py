"""The drill makes each alert fire, by a cause of its own, under rules with shorter times than in production."""

from __future__ import annotations

from typing import Any

import yaml

from deploy.observability import observe
from loadtest.drill.causes import CAUSES
from loadtest.drill.watch import HELD_SECONDS, LONGER_WINDOWS, WINDOW_SECONDS, shortened


def rules(text: str) -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]}


def test_every_cause_belongs_to_an_existing_alert() -> None:
    assert {cause.alert for cause in CAUSES} <= set(rules(observe.ALERTS.read_text()))
    assert len({cause.cause for cause in CAUSES}) == len(CAUSES) >= 23


def test_the_rules_of_a_drill_differ_from_the_alerts_only_in_their_times() -> None:
    before = rules(observe.ALERTS.read_text())
    after = rules(shortened(observe.ALERTS.read_text()))
    assert list(after) == list(before)
    for name, rule in after.items():
        assert rule.get("for", "2s") == f"{HELD_SECONDS}s"
        assert "m]" not in rule["expr"]
        window = f"[{LONGER_WINDOWS.get(name, WINDOW_SECONDS)}s]"
        assert rule["expr"].count(window) == before[name]["expr"].count("m]")
        assert rule["expr"].replace(window, "") == _without_ranges(before[name]["expr"])


def _without_ranges(expression: str) -> str:
    for minutes in ("5m", "10m"):
        expression = expression.replace(f"[{minutes}]", "")
    return expression
