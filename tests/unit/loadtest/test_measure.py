"""What is made of a load client's answer."""

import pytest

from loadtest.bench.measure import rest_figures


def test_a_message_beyond_what_the_servers_use_at_rest() -> None:
    run = {"cpu": {"servers": 2.0}, "seconds": 4.0, "sent": 1000}
    assert rest_figures(run, rest=0.1) == {"rest_percent": 10.0, "above_rest_us": pytest.approx(1600.0)}
