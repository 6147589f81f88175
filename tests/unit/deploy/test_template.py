"""Placeholders of the form `${NAME}` are replaced by values."""

from __future__ import annotations

import pytest

from deploy import template


def test_only_placeholders_in_capitals_are_replaced() -> None:
    text = "listen ${PORT}; proxy_pass http://$gateway ${lower} $PORT ${…};"
    assert template.fill(text, {"PORT": "80"}) == "listen 80; proxy_pass http://$gateway ${lower} $PORT ${…};"


def test_the_error_names_a_missing_value() -> None:
    with pytest.raises(KeyError, match="B_2"):
        template.fill("${A} ${B_2}", {"A": "1"})


def test_placeholders_within_values_are_not_replaced() -> None:
    assert template.fill("${A}", {"A": "${A}"}) == "${A}"


def test_the_names_of_a_template_are_listed() -> None:
    assert template.names("${A} $B ${C_D} ${e}") == {"A", "C_D"}
