"""Gives a child a disk of its own that is small, or a user without a superuser's rights.

The disk is a tmpfs in a mount namespace of the child: it goes with the process, however that
ends. Where the system forbids this, a bound on the size of a file stands in (``Disk.mounted``).
"""

import ctypes
import os
import resource
from dataclasses import dataclass
from pathlib import Path

_NEW_NAMESPACE, _NEW_USER = 0x00020000, 0x10000000  # CLONE_NEWNS, CLONE_NEWUSER of unshare(2)
_PRIVATE_ALL = (1 << 18) | (1 << 14)  # MS_PRIVATE | MS_REC of mount(2)
_CAPABILITIES_V3 = 0x20080522


@dataclass(frozen=True)
class Disk:
    """A small disk at ``place``; ``fill`` leaves so many bytes free, ``clear`` all of them."""

    place: Path
    mounted: bool

    def fill(self, left: int) -> None:
        """Leave about ``left`` bytes free; without a disk of its own, bound each file by them."""
        if not self.mounted:
            resource.setrlimit(resource.RLIMIT_FSIZE, (max(left, 4096), resource.RLIM_INFINITY))
            return
        free = os.statvfs(self.place)
        ballast = free.f_bavail * free.f_frsize - left
        with (self.place / ".ballast").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(ballast, 1))

    def clear(self) -> None:
        """Make space again."""
        (self.place / ".ballast").unlink(missing_ok=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def small_disk(place: Path, megabytes: int) -> Disk:
    """Mount a small disk at ``place`` for this process and its children only."""
    place.mkdir(parents=True)
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if user and libc.unshare(_NEW_USER) == 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    options = f"size={megabytes}m".encode()
    mounted = (
        libc.unshare(_NEW_NAMESPACE) == 0
        and libc.mount(None, b"/", None, _PRIVATE_ALL, None) == 0
        and libc.mount(b"tmpfs", os.fsencode(place), b"tmpfs", 0, options) == 0
    )
    return Disk(place, mounted)


def give_up_rights() -> None:
    """Drop every capability, so that permissions bind this process even when it is root's."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_V3, 0)
    none = (ctypes.c_uint32 * 6)()
    if libc.capset(header, none) != 0:
        raise OSError(ctypes.get_errno(), "capabilities cannot be dropped")
