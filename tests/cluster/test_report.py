import io
import json
import shlex
from datetime import datetime
from pathlib import Path

from fastchat.cluster.plan import plan
from fastchat.cluster.platform import ApiSpec, PageSpec, Platform
from fastchat.cluster.report import Narrator, Report, welcome
from fastchat.cluster.status import Status

SPECS = plan(Platform(api=ApiSpec(port=8765), page=PageSpec(enabled=False)))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Gone(io.StringIO):
    def write(self, _: str) -> int:
        raise BrokenPipeError


def test_a_terminal_gets_one_line_that_changes() -> None:
    out = Terminal()
    report = Report(out, clock=iter([0.0, 0.05, 0.2, 0.25]).__next__)
    for done in (0, 10_000_000, 46_000_000, 92_000_000):
        report.download("small", done, 92_000_000)
    assert out.getvalue().split("\r\x1b[K") == [
        "",
        "Fetching small: 0.0 of 92.0 MB (0 %)",
        "Fetching small: 46.0 of 92.0 MB (50 %)",
        "Fetching small: 92.0 of 92.0 MB (100 %)\n",
    ]


def test_a_line_does_not_run_into_an_unfinished_one() -> None:
    out = Terminal()
    report = Report(out, clock=lambda: 1.0)
    report.download("small", 0, 92_000_000)
    report.line("Stopping")
    report.line("Stopped")
    assert out.getvalue().endswith("(0 %)\nStopping\nStopped\n")


def test_a_file_gets_a_line_now_and_then() -> None:
    out = io.StringIO()
    report = Report(out, clock=iter([0.0, 4.9, 5.0, 5.1, 99.0]).__next__)
    for done in (1_000_000, 2_000_000, 3_000_000, 4_000_000, 4_000_000):
        report.download("small", done, 4_000_000)
    assert out.getvalue().splitlines() == [
        "Fetching small: 1.0 of 4.0 MB (25 %)",
        "Fetching small: 3.0 of 4.0 MB (75 %)",
        "Fetching small: 4.0 of 4.0 MB (100 %)",
    ]


def test_a_size_that_nobody_knows_is_left_out() -> None:
    out = io.StringIO()
    Report(out, clock=lambda: 0.0).download("small", 1_500_000, 0)
    assert out.getvalue() == "Fetching small: 1.5 MB\n"


def test_a_closed_terminal_stops_nothing() -> None:
    Report(Gone(), clock=lambda: 0.0).line("ready")


def test_the_welcome_comes_once_when_all_are_ready() -> None:
    out = io.StringIO()
    noon = datetime(2026, 1, 2, 12, 0, 0)
    narrator = Narrator(Report(out, clock=lambda: 0.0), SPECS, welcome="WELCOME", now=lambda: noon)
    for name in ("controller", "openai_api_server", "model_worker_31000"):
        narrator(Status(process=name, state="starting"))
        narrator(Status(process=name, state="ready", took_s=1.25))
    narrator(
        Status(
            process="controller", state="restarting", reason="was killed by SIGKILL", pause_s=0.5
        )
    )
    narrator(Status(process="controller", state="ready", restarts=1, took_s=0.8))
    assert out.getvalue().splitlines() == [
        "  controller          ready at http://127.0.0.1:21001 after 1.2 s",
        "  openai_api_server   ready at http://127.0.0.1:8765 after 1.2 s",
        "  model_worker_31000  ready at http://127.0.0.1:31000 after 1.2 s",
        "WELCOME",
        "12:00:00 controller was killed by SIGKILL; it is started again in 0.5 s",
        "12:00:00 controller is ready again after 0.8 s",
    ]


def test_a_worker_that_cannot_load_does_not_hold_the_welcome_back() -> None:
    out = io.StringIO()
    noon = datetime(2026, 1, 2, 12, 0, 0)
    narrator = Narrator(Report(out, clock=lambda: 0.0), SPECS, welcome="WELCOME", now=lambda: noon)
    controller, worker, api = (spec.name for spec in SPECS)
    narrator(Status(process=controller, state="ready"))
    narrator(Status(process=worker, state="starting", reason="does not answer", took_s=30.0))
    narrator(Status(process=worker, state="restarting", reason="ended: no", pause_s=0.5))
    narrator(Status(process=api, state="ready"))
    narrator(Status(process=worker, state="ready", restarts=1, took_s=2.0))
    assert out.getvalue().splitlines()[1:] == [
        "12:00:00 model_worker_31000 does not answer",
        "12:00:00 model_worker_31000 ended: no; it is started again in 0.5 s",
        "  openai_api_server   ready at http://127.0.0.1:8765 after 0.0 s",
        "WELCOME",
        "  model_worker_31000  ready at http://127.0.0.1:31000 after 2.0 s",
    ]


def pasted(text: str) -> list[str]:
    command = text.partition("Try it:")[2].partition("Press")[0]
    return shlex.split(command.replace("\\\n", " "))


def test_the_command_can_be_pasted_as_it_is() -> None:
    text = welcome(SPECS, ["it's", "other"], Path("/logs"), key=False, end="Press Ctrl-C to stop.")
    curl, url, *words = pasted(text)
    assert (curl, url) == ("curl", "http://127.0.0.1:8765/v1/chat/completions")
    assert words[:2] == ["-H", "Content-Type: application/json"]
    assert json.loads(words[-1])["model"] == "it's"
    assert "Models      it's, other\nLogs        /logs\n" in text


def test_a_key_is_asked_for_but_never_shown() -> None:
    text = welcome(SPECS, ["small"], Path("/logs"), key=True, end="Press Ctrl-C to stop.")
    assert "Authorization: Bearer YOUR-API-KEY" in pasted(text)


def test_the_welcome_names_the_page_first() -> None:
    text = welcome(plan(Platform()), ["m"], Path("logs"), key=False, end="")
    assert text.split("\n")[1:3] == [
        "Page        http://127.0.0.1:7860",
        "API         http://127.0.0.1:8000/v1",
    ]
