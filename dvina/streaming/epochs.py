"""Begins a new epoch of a topic that was made anew: its offsets count from zero again."""

import getpass

from confluent_kafka import TopicCollection
from confluent_kafka.admin import AdminClient

from dvina.pipeline import commit
from dvina.settings import Settings
from dvina.streaming.service import streamable
from ingest.contract import load_contract
from ingest.errors import ContractError
from ingest.streams.client import configuration, id_of
from warehouse import positions
from warehouse.database import open_warehouse
from warehouse.lock import writer_lock


def begin_epoch(settings: Settings, topic: str, reason: str) -> list[str]:
    """Read ``topic`` from its beginning from now on; says what was done.

    What was committed stays. Raises ContractError when no dataset has the topic, LockTimeout.
    """
    contracts = [load_contract(name) for name in streamable()]
    names = [c.dataset for c in contracts if c.stream and c.stream.topic == topic]
    if not names:
        raise ContractError(f"No dataset has the topic {topic}.")
    admin = AdminClient(configuration(settings.brokers))
    topic_id = id_of(admin.describe_topics(TopicCollection([topic]))[topic].result())
    commit(settings)
    told = []
    with (
        writer_lock(settings.home, settings.lock_wait_s),
        open_warehouse(settings.home) as connection,
    ):
        for name in names:
            why = reason or "the topic was made anew"
            by = getpass.getuser()
            epoch = positions.begin_epoch(connection, name, topic, topic_id, why, by)
            positions.note_aside(connection, settings.home, name)
            told.append(
                f"{name}: epoch {epoch} of {topic} begins with its first message. "
                "Start 'dvina stream' again where it runs."
            )
    return told
