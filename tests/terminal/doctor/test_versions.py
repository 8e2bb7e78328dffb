import sys

from fastchat.terminal.doctor.finding import DoctorConfig
from fastchat.terminal.doctor.versions import versions

SAYS = "fschat 1.0 has requirement uvicorn~=0.54.0, but you have uvicorn 0.99."


def saying(text: str) -> list[str]:
    return [sys.executable, "-c", f"print({text!r})"]


def test_a_version_that_does_not_fit_is_a_fault_and_others_are_none_of_ours() -> None:
    _, fault = versions(DoctorConfig(), saying(f"{SAYS}\nother 2 requires more"))
    assert (fault.level, fault.what) == ("fault", SAYS)


def test_all_fits_here_and_who_has_no_pip_is_told() -> None:
    assert [one.level for one in versions(DoctorConfig(), saying(""))] == ["ok", "ok"]
    assert [one.level for one in versions(DoctorConfig(), ["/nowhere"])] == ["ok", "note"]
