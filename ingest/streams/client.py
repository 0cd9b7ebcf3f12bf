"""How a broker is spoken to, and how it names a topic."""

import os
from typing import Any

_PREFIX = "DVINA_KAFKA_"  # DVINA_KAFKA_SASL_PASSWORD becomes sasl.password
_NO_ID = "A" * 22


def configuration(brokers: str, **more: Any) -> dict[str, Any]:
    """What librdkafka is told; ``DVINA_KAFKA_*`` variables carry security and secrets."""
    told = {
        name.removeprefix(_PREFIX).lower().replace("_", "."): value
        for name, value in os.environ.items()
        if name.startswith(_PREFIX)
    }
    return {"bootstrap.servers": brokers, "log_level": 3, **more, **told}


def id_of(description: Any) -> str:
    """The broker's name of a topic as it was described; empty where it tells none."""
    name = str(description.topic_id)
    return "" if name == _NO_ID else name
