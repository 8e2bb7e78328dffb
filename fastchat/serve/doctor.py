"""Say what is wrong here and what to do: `fastchat doctor [--engine NAME]`."""

from fastchat.serve._terminal import terminal
from fastchat.terminal.doctor.finding import DoctorConfig
from fastchat.terminal.doctor.report import report


def main() -> None:
    with terminal(DoctorConfig, "doctor") as config:
        well = report(config)
    raise SystemExit(0 if well else 1)


if __name__ == "__main__":
    main()
