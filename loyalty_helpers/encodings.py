"""Files of text, whatever packs and encodes them: a file becomes blocks of UTF-8, never more than a few in memory.

The encoding is found out from all of the text: a file may be plain ASCII for its first fifty megabytes.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from loyalty_helpers.core.errors import UserError

BLOCK = 1 << 24  # bytes read at a time
HEAD = 1 << 20  # characters looked at to find header and delimiter
SAMPLE = 1 << 22  # bytes of lines with other than ASCII characters, which decide between two encodings
UNPACK = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}  # EOFError where a file is cut short
# what Western text is made of beside ASCII, read as Windows-1252
WESTERN = re.compile("[À-ÖØ-öø-ÿŒœŠšŽžŸ€£§©®™°ªº«»¡¿–—‘’‚“”„•…´·²½\xa0]")  # noqa: RUF001
LETTERS = re.compile("[À-ÖØ-öø-ÿŒœŠšŽžŸ]+")


@dataclass(frozen=True)
class Text:
    """A file of text and what a first reading of all of it told: its encoding, the characters it begins with, how many
    lines and quotation marks it has."""

    path: Path
    name: str
    encoding: str
    head: str
    lines: int
    quotes: int

    def blocks(self) -> Iterator[bytes]:
        """The text as UTF-8, without byte order mark."""
        return (part.encode("utf-8", "replace") for part in _decoded(self.path, self.name, self.encoding))


class Stream(io.RawIOBase):
    """Blocks of bytes as a file to read from."""

    def __init__(self, blocks: Iterator[bytes]):
        self._blocks, self._rest = blocks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def text_of(path: Path, name: str, declared: str | None) -> Text:
    """Read a file of text once, to know what it is. `name` is what errors call it; `declared` is its encoding, where
    the settings say. Raises UserError, with the line, where it is no text or in no encoding that can be told."""
    encoding = declared or _encoding_by_head(path, name)
    try:
        return _read_through(path, name, encoding)
    except _NotText as error:
        other = None if declared or encoding != "utf-8" else _encoding_by_content(path, name)
        if other:
            return _read_through(path, name, other)
        found = f"this is not {encoding} text" if declared else "this is neither UTF-8 nor GB18030 nor Western text"
        raise UserError(f"{name}, line {error.line}: {found}. Save it as CSV UTF-8, or give its encoding in client.yml "
                        "(encoding: gb18030 or shift_jis, say).") from None


class _NotText(Exception):
    """Bytes that the encoding does not have."""

    def __init__(self, line: int):
        super().__init__(line)
        self.line = line


# ---------------------------------------------------------------- bytes, then characters
@contextmanager
def _opened(path: Path, name: str) -> Iterator[BinaryIO]:
    """A file to read from, unpacked if it is packed."""
    with ExitStack() as stack:
        file = stack.enter_context(path.open("rb"))
        while True:
            start = file.read(8)
            file.seek(0)
            unpack = next((unpack for magic, unpack in UNPACK.items() if start.startswith(magic)), None)
            if start.startswith(b"PK\x03\x04"):
                archive = stack.enter_context(zipfile.ZipFile(file))
                members = [member for member in archive.namelist() if not member.endswith("/")]
                if len(members) != 1:
                    raise UserError(f"{name} holds {len(members)} files. Unpack it and name the one to read.")
                file = stack.enter_context(archive.open(members[0]))
            elif unpack:
                file = stack.enter_context(unpack(file))
            else:
                break
        yield file


def _decoded(path: Path, name: str, encoding: str) -> Iterator[str]:
    """The text in parts, without byte order mark. Raises _NotText where the encoding is wrong."""
    decoder, line, first = codecs.getincrementaldecoder(encoding)(), 1, True
    with _opened(path, name) as file:
        while True:
            block = file.read(BLOCK)
            try:
                part = decoder.decode(block, final=not block)
            except UnicodeError as error:  # some encodings do not tell the place
                with suppress(AttributeError, UnicodeError):
                    line += error.object[:error.start].decode(encoding, "ignore").count("\n")
                raise _NotText(line) from None
            line += part.count("\n")
            if part:
                yield part.removeprefix("\ufeff") if first else part
                first = False
            if not block:
                return


def _read_through(path: Path, name: str, encoding: str) -> Text:
    head, lines, quotes, last = "", 0, 0, "\n"
    for part in _decoded(path, name, encoding):
        if "\0" in part:
            line = lines + part[:part.index("\0")].count("\n") + 1
            raise UserError(f"{name}, line {line}: this is not text (it holds a zero byte). Export it again as CSV "
                            "UTF-8 or XLSX.")
        head += part[:HEAD - len(head)]
        lines += part.count("\n") - (last == "\r" and part[0] == "\n")
        if "\r" in part:
            lines += part.count("\r") - part.count("\r\n")
        quotes += part.count('"')
        last = part[-1]
    return Text(path, name, encoding, head, lines + (last not in "\r\n"), quotes)


# ---------------------------------------------------------------- which encoding
def _encoding_by_head(path: Path, name: str) -> str:
    """UTF-16 by its byte order mark, or by its zero bytes: all in the even places, or all in the odd ones."""
    with _opened(path, name) as file:
        head = file.read(HEAD)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) > len(head) / 8 and not min(even, odd):
        return "utf-16-le" if odd else "utf-16-be"
    return "utf-8"


def _encoding_by_content(path: Path, name: str) -> str | None:
    """GB18030 or Windows-1252, by what the characters are then; None where it is neither."""
    sample = b""
    with _opened(path, name) as file:
        while len(sample) < SAMPLE and (block := file.read(BLOCK)):
            if not block.isascii():
                sample += b"\n".join(line for line in block.splitlines() if not line.isascii())[:SAMPLE] + b"\n"
    for encoding, reads_well in (("gb18030", _is_chinese), ("windows-1252", _is_western)):
        if reads_well(sample.decode(encoding, "ignore")):
            with suppress(_NotText):
                for _ in _decoded(path, name, encoding):
                    pass
                return encoding
    return None


def _is_chinese(text: str) -> bool:
    """Whether common characters (of the first level of GB2312, or its punctuation) prevail: other text, read as
    GB18030, gives rare ones."""
    foreign = [sign.encode("gb2312", "ignore")[:1] for sign in text if sign > "\x7f"]
    return sum(b"\xa1" <= lead <= b"\xa3" or b"\xb0" <= lead <= b"\xd7" for lead in foreign) > len(foreign) / 2


def _is_western(text: str) -> bool:
    """Whether letters with accents stand alone between plain ones: those of Russian or Japanese text, read as
    Windows-1252, stand in rows, and those of Polish are signs that no word has."""
    foreign, runs = re.sub("[\x00-\x7f]+", "", text), LETTERS.findall(text)
    return (len(WESTERN.findall(foreign)) >= 0.95 * len(foreign)
            and sum(map(len, runs)) <= 1.5 * len(runs))
