"""Hands on the bytes of a text in UTF-8, whatever Unicode or single-byte encoding it came in.

A byte order mark decides, or the NUL bytes of UTF-16; else the first bytes beyond ASCII do: they
are UTF-8, or they are the contract's other encoding. Single bytes that are damaged do not make a
text of UTF-8 another one: they stay, and the reader tells of the records that hold them.
"""

import codecs
import io
from collections.abc import Iterator

from ingest.errors import SourceRefused

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DAMAGE = 10  # so many characters beyond ASCII for each bad byte are still UTF-8


def utf8_chunks(
    stream: io.BufferedIOBase, encodings: tuple[str, ...], size: int, where: str
) -> Iterator[bytes]:
    """The text in chunks of about ``size`` bytes; a character may lie across two.

    ``encodings`` are the contract's, UTF-8 first. Raises SourceRefused where a text of UTF-16 or
    UTF-32 is none.
    """
    chunk = stream.read(size)
    encoding, chunk = _by_mark(chunk)
    if encoding.startswith(("utf-16", "utf-32")):
        yield from _decoded(stream, chunk, encoding, size, where)
        return
    other = next((name for name in encodings if name != "utf-8"), None)
    open_question = other is not None
    while chunk:
        if other and open_question and not chunk.isascii():
            open_question = False
            if not _is_utf8(chunk):
                yield from _decoded(stream, chunk, other, size, where)
                return
        yield chunk
        chunk = stream.read(size)


def _by_mark(head: bytes) -> tuple[str, bytes]:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, head[len(mark) :]
    if len(head) > 3 and head[1] == 0 and head[0] and head[3] == 0:
        return "utf-16-le", head
    if len(head) > 3 and head[0] == 0 and head[1] and head[2] == 0:
        return "utf-16-be", head
    return "utf-8", head


def _is_utf8(chunk: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(chunk)
    bad = text.count("\ufffd")
    return bad * _DAMAGE <= sum(1 for _ in filter(_beyond_ascii, text)) - bad if bad else True


def _beyond_ascii(character: str) -> bool:
    return character > "\x7f"


def _decoded(
    stream: io.BufferedIOBase, chunk: bytes, encoding: str, size: int, where: str
) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    while chunk:
        try:
            yield decoder.decode(chunk).encode()
        except UnicodeError as error:
            raise SourceRefused(f"{where} is no text in {encoding}: {error}.") from error
        chunk = stream.read(size)
    try:
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        raise SourceRefused(
            f"{where} ends inside a character of {encoding}: it was cut in transfer. "
            "Fetch it again."
        ) from error
