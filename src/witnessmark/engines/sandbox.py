"""Taking rights away from a worker process before it reads hostile bytes.

Linux: no new privileges, Landlock (no files but Python's own libraries, no network), seccomp (no
sockets, no other programs or processes, no changing of files), and limits of memory and output.
What the system cannot enforce is reported, never passed over. Numbers below are those of the
kernel's user-space interface (landlock(7), seccomp(2)).
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Callable
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_FILTER = 2

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
#: All file system rights that each version of Landlock knows (bits below this one).
_FS_BITS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}

#: machine: audit architecture, column of `_REFUSED`, number of clone
_ARCHITECTURES = {"x86_64": (0xC000003E, 0, 56), "aarch64": (0xC00000B7, 1, 220)}
#: The same number everywhere.
_CLONE3 = 435
_CLONE_THREAD = 0x00010000
#: System calls that no decoder needs: number on x86_64, on aarch64 (None where there is none).
#: Those on names and modes of files are here too, since Landlock knows nothing of modes, owners,
#: times and attributes, and older versions of it little of moving and cutting.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    # the network, other programs, other processes, the kernel's wider doors
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "socketpair": (53, 199), "fork": (57, None), "vfork": (58, None), "execve": (59, 221),
    "execveat": (322, 281), "ptrace": (101, 117), "mount": (165, 40), "keyctl": (250, 219),
    "unshare": (272, 97), "setns": (308, 268), "perf_event_open": (298, 241),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "bpf": (321, 280),
    "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "pidfd_getfd": (438, 438),
    "ioctl": (16, 29),
    # mode, owner, times, attributes
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "lchown": (94, None), "fchown": (93, 55), "fchownat": (260, 54),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "removexattrat": (466, 466), "file_setattr": (469, 469),
    # names and lengths
    "link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36),
    "unlink": (87, None), "unlinkat": (263, 35), "rmdir": (84, None), "rename": (82, None),
    "renameat": (264, 38), "renameat2": (316, 276), "mkdir": (83, None), "mkdirat": (258, 34),
    "mknod": (133, None), "mknodat": (259, 33), "creat": (85, None), "truncate": (76, 45),
    "ftruncate": (77, 46), "fallocate": (285, 47),
}  # fmt: skip
_EACCES, _ENOSYS = 13, 38


class CannotEnforce(Exception):
    """This system lacks a means; the reason is the message."""


def _call(function: Callable[..., int], *arguments: object) -> int:
    result = function(*arguments)
    if result < 0:
        raise CannotEnforce(os.strerror(ctypes.get_errno()))
    return result


def _libc() -> ctypes.CDLL:
    if not sys.platform.startswith("linux"):
        raise CannotEnforce(f"{sys.platform} has no such means")
    return ctypes.CDLL(None, use_errno=True)


def no_new_privileges() -> None:
    """Raises `CannotEnforce` where the system has no such switch."""
    _call(_libc().prctl, _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def landlock() -> None:
    """No file can be opened but Python's own libraries, for reading; no TCP, no signals out."""
    libc = _libc()
    version = _call(libc.syscall, _LANDLOCK_CREATE, None, 0, 1)
    rights = (1 << _FS_BITS[min(version, 5)]) - 1
    network = 3 if version >= 4 else 0
    scoped = 3 if version >= 6 else 0
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    attributes = struct.pack("<QQQ", rights, network, scoped)[:size]
    ruleset = _call(libc.syscall, _LANDLOCK_CREATE, attributes, size, 0)
    for folder in _libraries():
        descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("<Qi", _READ_FILE | _READ_DIR, descriptor)
        _call(libc.syscall, _LANDLOCK_ADD, ruleset, 1, rule, 0)
        os.close(descriptor)
    _call(libc.syscall, _LANDLOCK_RESTRICT, ruleset, 0)
    os.close(ruleset)


def _libraries() -> set[str]:
    system = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share/zoneinfo")
    own = [path for path in sys.path if path]
    return {str(Path(path).resolve()) for path in (*system, *own) if Path(path).is_dir()}


def seccomp() -> None:
    """Refuses system calls that no decoder needs (EACCES), and every new process.

    A new thread is allowed: `clone` with CLONE_THREAD. The flags of `clone3` lie in memory, where
    a filter cannot look, so it is said to be missing (ENOSYS) and the C library takes `clone`.
    """
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise CannotEnforce(f"no list of system calls for {machine}")
    program = _filter(*_ARCHITECTURES[machine])
    code = b"".join(struct.pack("<HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HxxxxxxP", len(program), ctypes.addressof(buffer))
    _call(_libc().prctl, _PR_SET_SECCOMP, _SECCOMP_FILTER, ctypes.c_char_p(header), 0, 0)


def _filter(architecture: int, column: int, clone: int) -> list[tuple[int, int, int, int]]:
    """The program, line by line: what to do, lines to skip if true, if not, and a number."""
    numbers = [each[column] for each in _REFUSED.values()]
    refused = sorted(number for number in numbers if number is not None)
    load, equal, reaches, has_bits, answer = 0x20, 0x15, 0x35, 0x45, 0x06
    refuse, missing, allow = 0x00050000 | _EACCES, 0x00050000 | _ENOSYS, 0x7FFF0000
    number, machine, flags = 0, 4, 16  # places in struct seccomp_data
    return [
        (load, 0, 0, machine),
        (equal, 1, 0, architecture),
        (answer, 0, 0, 0x80000000),  # kill the process: another system call table
        (load, 0, 0, number),
        (reaches, len(refused) + 6, 0, 0x40000000),  # the x32 table
        *((equal, len(refused) - n + 5, 0, each) for n, each in enumerate(refused)),
        (equal, 3, 0, _CLONE3),
        (equal, 0, 3, clone),
        (load, 0, 0, flags),
        (has_bits, 1, 2, _CLONE_THREAD),
        (answer, 0, 0, missing),
        (answer, 0, 0, allow),
        (answer, 0, 0, refuse),
    ]


def limits(memory: int) -> None:
    """At most `memory` bytes more than now, no files written, no core dumps."""
    if resource is None:
        raise CannotEnforce("this system has no resource limits")
    used = (
        int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        if (Path("/proc/self/statm").exists())
        else 1 << 30
    )
    for kind, value in (
        (resource.RLIMIT_AS, used + memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))


def close_in(memory: int) -> dict[str, str]:
    """Applies everything that this system has.

    Returns:
        means to `` when it is enforced, or to why it is not.
    """
    means: dict[str, Callable[[], None]] = {
        "limits": lambda: limits(memory),
        "no_new_privileges": no_new_privileges,
        "landlock": landlock,
        "seccomp": seccomp,
    }
    state = {}
    for name, apply in means.items():
        try:
            apply()
            state[name] = ""
        except (CannotEnforce, OSError, ValueError) as error:
            state[name] = str(error) or type(error).__name__
    return state
