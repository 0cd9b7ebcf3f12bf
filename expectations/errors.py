"""Everything that can go wrong while data are judged.

ExpectationsError
├── RuleUnusable      a rule cannot be turned into an expectation; its check is errored
├── RulesMalformed    marts.yml is not what it should be
└── ReportMalformed   a stored verdict is not a report

Data that break a rule are no error: they are a report whose outcome is ``failed``. None of these
leaves ``judge`` or ``judge_marts``: there a rule that cannot be used is an errored check.
"""


class ExpectationsError(Exception):
    """Raised when something cannot be judged or read; every error of this room is one."""


class RuleUnusable(ExpectationsError):
    """Raised when a rule names no expectation, or gives it arguments that do not fit."""


class RulesMalformed(ExpectationsError):
    """Raised when the rules of the marts cannot be read."""


class ReportMalformed(ExpectationsError):
    """Raised when a stored report lacks something or holds something else."""
