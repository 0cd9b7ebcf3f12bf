"""One line of what to do for each kind of cause, from runbook.yml."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml


@cache
def lines() -> Mapping[str, str]:
    """Each kind of cause and its line."""
    text = Path(__file__).with_name("runbook.yml").read_text("utf-8")
    return {str(kind): str(line) for kind, line in yaml.safe_load(text).items()}


def line_for(cause: str) -> str:
    """The line of the longest kind that is, or ends, the cause's rule."""
    fitting = [kind for kind in lines() if cause == kind or cause.endswith(f"_{kind}")]
    return lines()[max(fitting, key=len, default="otherwise")]
