"""Everything that can go wrong while records come in.

IngestError
├── ContractError       the YAML of a dataset is wrong
├── SourceMissing       there is nothing to read
├── SourceRefused       the bytes are not what the contract describes
│   ├── SchemaDrift     columns were added, removed or renamed
│   └── HostileInput    the input breaks a bound on size, depth or ratio
├── CountsDisagree      rows read is not landed + quarantined + duplicates
├── LandingDamaged      a landed load is not what its manifest says
└── StorageFailed       the disk is full or may not be written

Each message names the dataset, what was found where, and the next step.
"""


class IngestError(Exception):
    """Raised when records cannot be brought in; every error of this room is one."""


class ContractError(IngestError):
    """Raised when a contract's YAML is missing, malformed or contradicts itself."""


class SourceMissing(IngestError):
    """Raised when a named source does not exist or cannot be opened."""


class SourceRefused(IngestError):
    """Raised when a source's bytes cannot be read as the contract says; nothing is landed."""


class SchemaDrift(SourceRefused):
    """Raised when a source's columns are not those of the contract, before any row is written."""


class HostileInput(SourceRefused):
    """Raised when a source breaks a bound that protects the machine."""


class CountsDisagree(IngestError):
    """Raised when the independent record count and the reader's output differ."""


class LandingDamaged(IngestError):
    """Raised when a landed load's files are missing or differ from its manifest."""


class StorageFailed(IngestError):
    """Raised when the archive or the landing cannot be written."""
