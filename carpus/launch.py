"""The launcher: becomes another program that cannot outlive its parent. Run by path, so that it starts in milliseconds.

``python -I -S launch.py PARENT_PID SIGNAL USER REACH PROGRAM ARGUMENT…`` gives up root for USER (``-``: stays who it
is), asks for SIGNAL when the parent ends (PARENT_PID ``-``: whoever that is) and executes PROGRAM. REACH (paths joined
by ``:``, or ``-``) must be reachable as USER. A folder below a home that only root may enter is not; then the program
keeps the one capability that lets it pass, instead of the folders being opened to everybody.
"""

import ctypes
import os
import pwd
import sys
from pathlib import Path
from signal import Signals
from typing import NoReturn

sys.path.append(str(Path(__file__).resolve().parents[1]))  # isolated from the environment: no site-packages

from db.process import die_with_parent

# linux/prctl.h, linux/capability.h
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2

CANNOT_LAUNCH = 126  # what a shell answers for a program that it cannot execute


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Capabilities(ctypes.Structure):
    """The first 32 capabilities, then the rest."""

    _fields_ = tuple(
        (f"{kind}_{part}", ctypes.c_uint32) for part in "ab" for kind in ("effective", "permitted", "kept")
    )


def _become(user: str) -> None:
    """Give up root for a user, keeping capabilities permitted but none in effect."""
    account = pwd.getpwnam(user)
    ctypes.CDLL(None).prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)


def _first_closed_folder(paths: list[str]) -> Path | None:
    for name in paths:
        path = Path(name)
        for part in (*reversed(path.parents), path):
            try:
                part.stat()
            except PermissionError:
                return part.parent
    return None


def _pass_closed_folders() -> bool:
    """Keep a capability to search any folder across the next ``execve``; the weaker one where both are permitted."""
    libc = ctypes.CDLL(None)
    header, own = _CapabilityHeader(_CAPABILITY_VERSION_3, 0), _Capabilities()
    libc.capget(ctypes.byref(header), ctypes.byref(own))
    for capability in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE):
        bit = 1 << capability
        if own.permitted_a & bit:
            own.effective_a |= bit
            own.kept_a |= bit
            libc.capset(ctypes.byref(header), ctypes.byref(own))
            return bool(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0)
    return False


def _fail(reason: str) -> NoReturn:
    sys.stderr.write(f"carpus: {reason}\n")
    raise SystemExit(CANNOT_LAUNCH)


def _give_up_root(user: str, program: str, needs: list[str]) -> None:
    """Become a user who can still reach what the program needs, or end with a line that says how to cure it."""
    try:
        _become(user)
    except (OSError, KeyError) as error:
        _fail(f"{program} refuses root, and this root cannot become {user} ({error}): start as an ordinary user")
    closed = _first_closed_folder(needs)
    if closed and not _pass_closed_folders():
        _fail(
            f"the user {user}, as whom {program} has to run, cannot enter {closed}: allow it (chmod o+x {closed}), "
            "choose another folder by CARPUS_HOME, or start as an ordinary user"
        )


def main(parent_pid: str, signal: str, user: str, reach: str, *command: str) -> NoReturn:
    """Become the command."""
    if user != "-":
        _give_up_root(user, command[0], reach.split(":"))
    die_with_parent(Signals[signal], None if parent_pid == "-" else int(parent_pid))
    try:
        os.execv(command[0], command)  # noqa: S606  no shell is wanted
    except OSError as error:
        _fail(f"cannot execute {command[0]} ({error.strerror})")


if __name__ == "__main__":
    main(*sys.argv[1:])
