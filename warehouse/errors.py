"""Everything that can go wrong in the warehouse.

WarehouseError
├── LockTimeout       another process held the writer's lock beyond the bound
├── SchemaTooNew      the file was written by a newer Dvina
├── SchemaConflict    a contract's column cannot stand in the raw table as it is
├── UnknownLoad       no load of that name, or not in the state that was asked for
├── PublishFailed     a version could not be written, verified or switched
├── NotPublished      nothing was published yet that could answer, or it does not tell enough
└── BackupFailed      a backup could not be written, checked or brought back
"""


class WarehouseError(Exception):
    """Raised when the warehouse cannot do what was asked; every error of this room is one."""


class LockTimeout(WarehouseError):
    """Raised when the writer's lock was not free within the bound; names its holder."""


class SchemaTooNew(WarehouseError):
    """Raised when the file's schema version is newer than this program knows."""


class SchemaConflict(WarehouseError):
    """Raised when a new contract version retypes a column in a way the table cannot follow."""


class UnknownLoad(WarehouseError):
    """Raised when a command names a load that is not there or not in the needed state."""


class BackupFailed(WarehouseError):
    """Raised when a backup, a restore or a rebuild cannot be done; what was there stays."""


class PublishFailed(WarehouseError):
    """Raised when a version could not be published; readers keep the former one."""


class NotPublished(WarehouseError):
    """Raised when no marts were published yet, or not with what a question needs."""
