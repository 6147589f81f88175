"""A load in stages: `locust -f loadtest/locustfile.py,loadtest/stages.py --stages 50x30s,200x2m,0x10s`.

Each stage is `USERSxTIME`. The number of users changes to USERS at `--spawn-rate` and then stays until the stage ends.
"""

from __future__ import annotations

from typing import Any

from locust import LoadTestShape, events

from loadtest.scenarios.stages import parse_stages


def _add_option(parser: Any) -> None:
    parser.add_argument(
        "--stages",
        type=parse_stages,
        default=parse_stages("50x30s,100x30s,200x30s"),
        help="stages, each USERSxTIME, separated by commas",
    )


events.init_command_line_parser.add_listener(_add_option)  # type: ignore[no-untyped-call]


class Stages(LoadTestShape):
    """The load shape of the stages on the command line."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        """Return the present number of users and spawn rate; None after the last stage."""
        runner: Any = self.runner
        options = runner.environment.parsed_options
        end, now = 0, self.get_run_time()  # type: ignore[no-untyped-call]
        for stage in options.stages:
            end += stage.seconds
            if now < end:
                return stage.users, float(options.spawn_rate or max(1.0, stage.users / 10))
        return None
