"""confluent-kafka (librdkafka) as a keyed producer and a counting consumer.

client.py produce BOOTSTRAP TOPIC CODEC          KEY:VALUE lines on standard input
client.py consume BOOTSTRAP TOPIC GROUP COUNT    prints KEY COUNT lines, sorted
"""

import collections
import sys

from confluent_kafka import Consumer, KafkaException, Producer

PATIENCE_SECONDS = 60


def produce(bootstrap, topic, codec):
    failures = []

    def delivered(error, _message):
        if error is not None:
            failures.append(error)

    producer = Producer({
        "bootstrap.servers": bootstrap,
        "compression.type": codec,
        "enable.idempotence": True,
        "linger.ms": 20,
    })
    for line in sys.stdin.buffer:
        key, value = line.rstrip(b"\n").split(b":", 1)
        while True:
            try:
                producer.produce(topic, key=key, value=value, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    left = producer.flush(PATIENCE_SECONDS)
    if left or failures:
        sys.exit(f"{left} undelivered, {len(failures)} failed: {failures[:3]}")


def consume(bootstrap, topic, group, count):
    consumer = Consumer({
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "auto.offset.reset": "earliest",
    })
    consumer.subscribe([topic])
    totals = collections.Counter()
    seen = 0
    while seen < count:
        messages = consumer.consume(min(1000, count - seen), PATIENCE_SECONDS)
        if not messages:
            sys.exit(f"nothing for {PATIENCE_SECONDS} s after {seen} records")
        for message in messages:
            if message.error() is not None:
                raise KafkaException(message.error())
            totals[message.key().decode()] += 1
        seen += len(messages)
    consumer.close()
    for key in sorted(totals):
        print(key, totals[key])


if __name__ == "__main__":
    if sys.argv[1] == "produce":
        produce(*sys.argv[2:5])
    else:
        consume(*sys.argv[2:5], int(sys.argv[5]))
