"""nginx as a relay that holds nothing back: as a gateway for streams must be configured."""

import os
import shutil
from pathlib import Path

from benchmarks.gateway.environments import NotRun


def command(folder: Path, port: int, upstream_port: int, processes: int = 1) -> list[str]:
    """Its configuration goes into the folder, and all that it writes."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise NotRun("nginx is not installed: sudo apt install nginx")
    file = folder / "nginx.conf"
    file.write_text(config(folder, port, upstream_port, processes, as_root=os.getuid() == 0))
    return [program, "-p", str(folder), "-e", "stderr", "-c", str(file)]


def config(folder: Path, port: int, upstream_port: int, processes: int, *, as_root: bool) -> str:
    """Started by root its workers would become somebody who may not enter our folder."""
    user = "user root root;" if as_root else ""
    scratch = "\n".join(
        f"    {kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""daemon off;
{user}
worker_processes {processes};
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
{scratch}
    client_max_body_size 2m;
    client_body_buffer_size 1m;
    keepalive_requests 1000000000;
    upstream worker {{
        server 127.0.0.1:{upstream_port};
        keepalive 512;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://worker;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            # A kept connection may have been closed by its upstream.
            proxy_next_upstream error non_idempotent;
        }}
    }}
}}
"""
