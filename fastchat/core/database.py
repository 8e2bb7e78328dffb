"""Where keys, usage, conversations and votes are kept: the flag that names the database."""

import re
from dataclasses import dataclass
from pathlib import Path

from fastchat.core.config import data_folder, flag

_PASSWORD = re.compile(r"(?<=:)[^:@/]*(?=@)")


@dataclass(frozen=True, slots=True, repr=False)
class DatabaseUrl:
    """Shown without its password."""

    text: str

    def __repr__(self) -> str:
        return _PASSWORD.sub("***", self.text)

    @classmethod
    def parse(cls, text: str) -> "DatabaseUrl":
        if not re.match(r"(sqlite|postgres(ql)?)(\+\w+)?://", text):
            raise ValueError(
                f"{cls(text)!r} names no database: give one such as sqlite:////var/lib/fastchat.db "
                "or postgresql://user@host/name"
            )
        return cls(text)

    @classmethod
    def default(cls) -> "DatabaseUrl":
        """A file of SQLite's, which need not exist."""
        return cls(f"sqlite:///{cls.default_path()}")

    @staticmethod
    def default_path() -> Path:
        return data_folder().resolve() / "fastchat.db"


@dataclass(frozen=True, kw_only=True)
class DatabaseFlags:
    database_url: DatabaseUrl | None = flag(
        None,
        help="sqlite:///FILE or postgresql://…, instead of fastchat.db in $FASTCHAT_DATA or "
        "~/.local/share/fastchat; a password is better given by the environment",
        env="FASTCHAT_DATABASE_URL",
        metavar="URL",
        parse=DatabaseUrl.parse,
    )

    @property
    def has_database(self) -> bool:
        """Whether one was named, or an earlier command made the default one."""
        return self.database_url is not None or DatabaseUrl.default_path().exists()

    @property
    def database(self) -> DatabaseUrl:
        return self.database_url or DatabaseUrl.default()
