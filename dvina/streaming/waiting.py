"""Asks a broker how many messages of a topic the stream group has not read yet."""

from confluent_kafka import Consumer, KafkaException, TopicPartition

from dvina.settings import settings
from ingest.streams.client import configuration

_TIMEOUT_S = 10.0


def waiting(topic: str) -> int:
    """Messages beyond the group's committed offsets; 0 where the broker does not answer."""
    found = settings()
    consumer = Consumer({**configuration(found.brokers), "group.id": found.stream_group})
    try:
        listed = consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic]
        places = [TopicPartition(topic, number) for number in listed.partitions]
        read = consumer.committed(places, timeout=_TIMEOUT_S) if places else []
        return sum(_beyond(consumer, place) for place in read)
    except KafkaException:
        return 0
    finally:
        consumer.close()


def _beyond(consumer: Consumer, place: TopicPartition) -> int:
    low, high = consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)
    return int(max(0, high - max(low, place.offset)))
