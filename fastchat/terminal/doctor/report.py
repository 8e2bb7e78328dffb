"""What all checks found, on the screen."""

import sys

from fastchat.terminal.doctor.checks import CHECKS, ENGINE_CHECKS
from fastchat.terminal.doctor.finding import DoctorConfig, Level
from fastchat.terminal.styles.text import visible

_MARKS: dict[Level, str] = {"ok": "  ok   ", "note": "  note ", "fault": "  FAULT"}


def report(config: DoctorConfig) -> bool:
    """Whether all is well."""
    well = True
    for title, check in (ENGINE_CHECKS if config.engine else CHECKS).items():
        sys.stdout.write(f"{title}\n")
        for finding in check(config):
            well = well and finding.level != "fault"
            remedy = f"\n          {visible(finding.remedy)}" if finding.remedy else ""
            sys.stdout.write(f"{_MARKS[finding.level]} {visible(finding.what)}{remedy}\n")
            sys.stdout.flush()
    return well
