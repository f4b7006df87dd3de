"""The two kinds of trouble: what will never work, and what may work later.

A permanent error ends a radiograph as ``REJECTED`` and is never retried. A transient one (database, queue, device away)
is retried with back-off until the attempts are used up. A message says what was expected, what was received, with tag
and keyword, and what to do; it holds no patient data, for it is shown in SQL, logs and Flower.
"""

import errno

DISK_IS_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of the system that making room cures."""


class CarpusError(Exception):
    """Root of everything Carpus raises on purpose."""


class PermanentError(CarpusError):
    """Trying again cannot help: the file, the bundle or the request itself is wrong."""


class TransientError(CarpusError):
    """Something this radiograph needs is away for now."""


class OutageError(TransientError):
    """What every radiograph needs is away or full; waiting for it is nobody's attempt."""


class RejectedRadiographError(PermanentError):
    """The stored object cannot be read as a radiograph; the message is the reason shown to the sender's engineer."""


class BundleError(PermanentError):
    """A model bundle is missing, incomplete, changed, or not what its card says."""


class SettingsError(PermanentError):
    """A setting is missing or malformed; the message names its variable."""
