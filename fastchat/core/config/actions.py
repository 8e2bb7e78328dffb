"""Words of the command line become the value of a field: three ways that argparse lacks."""

import argparse
from typing import Any

from fastchat.core.config.flags import words


class Words(argparse.Action):
    """`--flag a b c` and `--flag a,b,c` mean the same."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, tuple(word for value in values for word in words(value)))


class Repeated(argparse.Action):
    """`--flag a --flag b` are two words."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, (*(() if before is self.default else before), values))


class Whole(argparse.Action):
    """Positional words stay as they are: a file name may hold blanks."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, tuple(values))
