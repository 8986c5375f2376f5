"""The system calls that a script nobody vouches for may make, as a seccomp filter.  Pure.

A script needs to compute, to read its data, to write its results and to start threads and processes.  It
needs no socket (a connected pair of its own ends aside), no other process's memory, no namespace, and no
signal to anybody but its own children.  All else that a container's default filter lets through stays.

Sources: seccomp(2); linux/filter.h; the kernel's syscall_64.tbl and asm-generic/unistd.h.
"""

from __future__ import annotations

import errno
import struct
from typing import Final, TypeAlias

Instruction: TypeAlias = tuple[int, int, int, int]
"""Opcode, steps to jump where true, where false, and the operand."""

_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_AND: Final = 0x54  # BPF_ALU | BPF_AND | BPF_K
_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_ALLOW: Final = 0x7FFF0000
_ERROR: Final = 0x00050000

_NUMBER_AT: Final = 0
_ARCH_AT: Final = 4
_FIRST_AT: Final = 16  # the low half of the first argument, on a little-endian machine
_SECOND_AT: Final = 24

_X32: Final = 0x40000000
_NEGATIVE: Final = 0x80000000
_NAMESPACES: Final = 0x7E020080
"""CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET."""
_AF_UNIX: Final = 1
_STREAM: Final = 1
_TYPE_MASK: Final = 0xF

ARCHES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_COLUMN: Final = {"x86_64": 0, "aarch64": 1}

DENIED: Final[dict[str, tuple[int, int]]] = {
    "socket": (41, 198),
    "connect": (42, 203),
    "accept": (43, 202),
    "accept4": (288, 242),
    "bind": (49, 200),
    "listen": (50, 201),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    # What System V and POSIX keep for a process outlives it, and holds its memory.
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
}
_CLONE3: Final = (435, 435)
_CLONE: Final = (56, 220)
_SOCKETPAIR: Final = (53, 199)
_KILL: Final = (62, 129)
_TGKILL: Final = (234, 131)
_PRLIMIT: Final = (302, 261)


def filter_for(machine: str, *, agent_pid: int) -> bytes | None:
    """The filter's instructions for `platform.machine()`, None for a machine that it is not written for.

    A refused call fails with EACCES; `clone3` with ENOSYS, so that the C library falls back to `clone`,
    whose flags a filter can see.
    """
    if machine not in ARCHES:
        return None
    column = _COLUMN[machine]
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH_AT),
        (_EQUAL, 1, 0, ARCHES[machine]),
        _refuse(errno.EACCES),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_AT_LEAST, 0, 1, _X32),
        _refuse(errno.EACCES),
    ]
    for numbers in DENIED.values():
        program += _when(numbers[column], [_refuse(errno.EACCES)])
    program += _when(_CLONE3[column], [_refuse(errno.ENOSYS)])
    program += _when(_CLONE[column], [*_refused_if((_ANY_BIT, _NAMESPACES)), _allow()])
    program += _when(_SOCKETPAIR[column], _only_a_stream_of_ours())
    # Neither the agent, nor a container's first process, nor (by a negative number) all that can be reached.
    others = ((_EQUAL, agent_pid), (_EQUAL, 1), (_AT_LEAST, _NEGATIVE))
    program += _when(_KILL[column], [*_refused_if(*others), _allow()])
    program += _when(_TGKILL[column], [*_refused_if(*others), _allow()])
    program += _when(
        _PRLIMIT[column], [(_LOAD, 0, 0, _FIRST_AT), (_EQUAL, 1, 0, 0), _refuse(errno.EACCES), _allow()]
    )
    program.append(_allow())
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def _refuse(number: int) -> Instruction:
    return (_RETURN, 0, 0, _ERROR | number)


def _allow() -> Instruction:
    return (_RETURN, 0, 0, _ALLOW)


def _when(number: int, body: list[Instruction]) -> list[Instruction]:
    """Run `body`, which ends in an answer, for one system call; the number is still loaded for the next."""
    return [(_EQUAL, 0, len(body), number), *body]


def _refused_if(*tests: tuple[int, int]) -> list[Instruction]:
    """Refuse where the first argument passes one of the tests (opcode, operand)."""
    body: list[Instruction] = [(_LOAD, 0, 0, _FIRST_AT)]
    for opcode, operand in tests:
        body += [(opcode, 0, 1, operand), _refuse(errno.EACCES)]
    return body


def _only_a_stream_of_ours() -> list[Instruction]:
    """A pair of connected ends: unlike a pair for datagrams, they cannot be turned to another address."""
    return [
        (_LOAD, 0, 0, _FIRST_AT),
        (_EQUAL, 0, 3, _AF_UNIX),
        (_LOAD, 0, 0, _SECOND_AT),
        (_AND, 0, 0, _TYPE_MASK),
        (_EQUAL, 1, 0, _STREAM),
        _refuse(errno.EACCES),
        _allow(),
    ]
