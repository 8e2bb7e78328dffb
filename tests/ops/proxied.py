"""nginx with our file: only its names, its ports and its certificate are the caller's own."""

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.ops.stage import wait_for
from tests.ops.tools import DEPLOY, run, tool
from tests.running import free_ports

FRAME = """daemon off; error_log {folder}/error.log; pid {folder}/nginx.pid; events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  include {folder}/fastchat.conf;
}}
"""


class Proxy(NamedTuple):
    url: str
    certificate: Path

    @property
    def trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.certificate)


@contextmanager
def proxied(api: str, folder: Path) -> Iterator[Proxy]:
    """In front of the API server at this address."""
    (port,) = free_ports(1)
    run(*("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
        *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        *("-keyout", folder / "fastchat.key", "-out", folder / "fastchat.pem"))  # fmt: skip
    text = (DEPLOY / "nginx" / "fastchat.conf").read_text()
    text = text.replace("listen 443", f"listen 127.0.0.1:{port}").replace("/etc/nginx", str(folder))
    text = text.replace("localhost:8000", api.removeprefix("http://"))
    (folder / "fastchat.conf").write_text(text.replace("API.EXAMPLE.COM", "localhost"))
    (folder / "nginx.conf").write_text(FRAME.format(folder=folder))
    run("nginx", "-t", "-c", folder / "nginx.conf")
    process = subprocess.Popen([tool("nginx"), "-c", str(folder / "nginx.conf")])
    try:
        served = Proxy(f"https://localhost:{port}", folder / "fastchat.pem")
        wait_for(lambda: _health(served) == 200)
        yield served
    finally:
        process.terminate()
        process.wait(timeout=30)


def _health(proxy: Proxy) -> int:
    try:
        url = f"{proxy.url}/health"
        return httpx.get(url, verify=proxy.trusted, trust_env=False).status_code
    except httpx.TransportError as error:
        raise OSError from error
