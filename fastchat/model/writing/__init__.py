"""How models write what is no text: calls of tools and their reasoning. Read piece by piece."""

from fastchat.model.writing.answer import read
from fastchat.model.writing.formats import FORMATS, HERMES, Format, format_of
from fastchat.model.writing.grammar import Wanted
from fastchat.model.writing.manner import Manner
from fastchat.model.writing.reader import Reader

__all__ = ["FORMATS", "HERMES", "Format", "Manner", "Reader", "Wanted", "format_of", "read"]
