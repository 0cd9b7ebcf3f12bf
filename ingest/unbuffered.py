"""Writes a file past the page cache, where its file system takes that.

What is written once and hardly read again then costs no copy in memory, and pushes nothing out of
it. Where it is not taken (tmpfs, some network disks), and for the end of a file, which is no whole
number of pages, the writing is the usual one. Either way the bytes are the same.
"""

import fcntl
import mmap
import os
from io import FileIO
from pathlib import Path
from types import TracebackType

BUFFER_BYTES = 4 * 1024**2
_DIRECT = getattr(os, "O_DIRECT", 0)  # not every system has it


class UnbufferedFile:
    """A new file that only its owner may read; raises FileExistsError and OSError.

    Fill ``buffer``, whose place in memory is as the disk wants it, then ``write`` what is in it.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._memory = mmap.mmap(-1, BUFFER_BYTES)
        self.buffer = memoryview(self._memory)
        self._set_direct(True)

    def __enter__(self) -> "UnbufferedFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.buffer.release()
        self._memory.close()
        os.close(self._file)

    def fill(self, source: FileIO) -> int:
        """Read into the buffer; how many bytes came, 0 at the end."""
        return source.readinto(self.buffer) or 0

    def write(self, count: int) -> None:
        """Append the first ``count`` bytes of the buffer."""
        if count % mmap.PAGESIZE:
            self._set_direct(False)
        done = 0
        while done < count:
            try:
                done += os.write(self._file, self.buffer[done:count])
            except OSError:
                if not self._direct:
                    raise
                self._set_direct(False)  # once more in the usual way, which tells what is wrong
            if done % mmap.PAGESIZE:
                self._set_direct(False)

    def flush(self) -> None:
        """Bring all of it to the disk."""
        os.fsync(self._file)

    def _set_direct(self, wanted: bool) -> None:
        self._direct = False
        flags = fcntl.fcntl(self._file, fcntl.F_GETFL) & ~_DIRECT
        try:
            fcntl.fcntl(self._file, fcntl.F_SETFL, flags | (_DIRECT if wanted else 0))
        except OSError:
            return  # the file system does not take it
        self._direct = wanted and bool(_DIRECT)
