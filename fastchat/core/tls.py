"""What every server of ours lets one say about TLS."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from fastchat.core.config import flag, ssl_files
from fastchat.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files. The key may stand in the file of the certificate."""

    certfile: Path
    keyfile: Path | None = None

    def check(self) -> None:
        """Raises `ConfigError` when no server could use it."""
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certfile, self.keyfile, password="")
        except (OSError, ValueError) as error:
            named = f"{self.certfile}" + (f" with {self.keyfile}" if self.keyfile else "")
            raise ConfigError(f"the certificate {named}: {error}") from None


@dataclass(frozen=True, kw_only=True)
class TlsFlags:
    ssl: bool = flag(False, help="serve https with the files in SSL_CERTFILE and SSL_KEYFILE")
    ssl_certfile: Path | None = flag(None, help="serve https with this certificate chain (PEM)")
    ssl_keyfile: Path | None = flag(
        None, help="its private key (PEM), when it is in a file of its own"
    )

    @property
    def scheme(self) -> str:
        return "https" if self.ssl or self.ssl_certfile else "http"

    @property
    def certificate(self) -> Certificate | None:
        """Raises `ConfigError` when TLS is wanted and the files are not known or no good."""
        certfile, keyfile = self.ssl_certfile, self.ssl_keyfile
        if self.ssl and certfile is None:
            certfile, keyfile = ssl_files()
            if certfile is None:
                raise ConfigError("--ssl needs SSL_CERTFILE and SSL_KEYFILE in the environment")
        if certfile is None:
            if keyfile is not None:
                raise ConfigError("--ssl-keyfile needs --ssl-certfile")
            return None
        certificate = Certificate(certfile, keyfile)
        certificate.check()
        return certificate
