"""What can go wrong through a user's doing, and the exit status that says so.

Every message says what was expected, what came and what to do next. The command line prints it on one
line, without a traceback, and leaves with `exit_code`.
"""


class UserError(Exception):
    """A mistake or a condition that the user can mend (exit status 2)."""

    exit_code = 2


class ConfigError(UserError):
    """A setting, or a combination of settings, that cannot be run; names the key and the legal values."""


class DataError(UserError):
    """Data that is missing, damaged or not what its description says; names the file or the sample."""


class NumericalError(UserError):
    """A computation that left the range in which its result means anything (divergence, singular matrix)."""


class StorageError(UserError):
    """A result that cannot be written or read back (full disk, damaged store, run still being written)."""


class DiskError(StorageError):
    """The disk is full or a folder cannot be written; how to go on is added by the command that is running."""


class DeviceMemoryError(ConfigError):
    """A device has too little memory; what makes the work smaller is added by the command that is running."""


class HeldError(StorageError):
    """Another process is writing there."""


class ClusterError(UserError):
    """A cluster that refuses a job, or does not answer; says what it was asked for."""
