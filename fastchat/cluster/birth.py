"""When a process was born: its number may belong to another one by now."""

import subprocess
from pathlib import Path


def birth(pid: int) -> str | None:
    """The same text for the whole life of a process; together with the number it is nobody else's.
    None when it is over.
    """
    if Path("/proc/self/stat").exists():
        return _from_proc(pid)
    done = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or None


def _from_proc(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # proc_pid_stat(5): the second field, in brackets, may hold anything; state is the third and
    # the start, in ticks since the boot, the 22nd.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else f"{boot} {fields[19]}"
