"""A producer of numbered records and a group that reads them, until told to stop, on confluent-kafka.

    numbered.py BOOTSTRAP TOPIC PARTITIONS RATE MEMBERS NAME FOLDER [KEY=VALUE...]

The same as crates/e2e/java/Numbered.java, in the words of crates/e2e/src/checker/told.rs.
"""

import sys
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

bootstrap, topic = sys.argv[1:3]
partitions, rate, members = (int(word) for word in sys.argv[3:6])
name, folder = sys.argv[6:8]
settings = [pair.split("=", 1) for pair in sys.argv[8:]]

producing = threading.Event()
reading = threading.Event()
lock = threading.Lock()

# connections come and go with the servers; librdkafka reports that and goes on
PASSING = {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE}


def properties(own, other):
    chosen = {"bootstrap.servers": bootstrap}
    for key, value in settings:
        if not key.startswith(other):
            chosen[key.removeprefix(own)] = value
    return chosen


def teller(file):
    def tell(line):
        with lock:
            file.write(line + "\n")

    return tell


def errors(tell):
    def on_error(error):
        if error.fatal() or error.code() not in PASSING:
            tell(f"E {error}")

    return on_error


def produce(tell):
    producer = Producer({**properties("producer.", "consumer."), "error_cb": errors(tell)})
    sent = [0] * partitions
    turn = 0
    begun = time.monotonic()
    while not producing.is_set():
        while turn < (time.monotonic() - begun) * rate:
            partition = turn % partitions
            number = sent[partition]

            def decided(error, message, partition=partition, number=number):
                if error is None:
                    offset = "-" if message.offset() is None else message.offset()
                    tell(f"A {partition} {number} {offset} {time.time_ns() // 1_000_000}")
                else:
                    tell(f"F {partition} {number} {error}")

            producer.produce(topic, str(number), name, partition, on_delivery=decided)
            sent[partition] += 1
            turn += 1
        producer.poll(0.01)
    producer.flush()
    for partition, count in enumerate(sent):
        tell(f"N {partition} {count}")


def consume(tell):
    config = {
        "group.id": name,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        **properties("consumer.", "producer."),
        "error_cb": errors(tell),
    }
    consumer = Consumer(config)
    fresh = set()
    consumer.subscribe([topic], on_assign=lambda _, given: fresh.update(p.partition for p in given))
    while not reading.is_set():
        messages = consumer.consume(500, timeout=0.2)
        for message in messages:
            if message.error() is not None:
                tell(f"E {message.error()}")
                continue
            place = f"{message.partition()} {message.offset()}"
            if message.partition() in fresh:
                fresh.discard(message.partition())
                tell(f"S {place}")
            tell(f"R {place} {message.key().decode()} {message.value().decode()}")
        if messages:
            commit(consumer, tell)
    consumer.close()


def commit(consumer, tell):
    """What is not committed for certain is read again by whoever goes on."""
    try:
        committed = consumer.commit(asynchronous=False)
    except KafkaException:
        return
    for place in committed or []:
        if place.error is None:
            tell(f"C {place.partition} {place.offset}")


def main():
    # a line at a time, because who started us watches
    produced = open(f"{folder}/{name}.produced", "w", buffering=1)
    read = open(f"{folder}/{name}.read", "w", buffering=1)
    with produced, read:
        producer = threading.Thread(target=produce, args=[teller(produced)])
        consumers = [threading.Thread(target=consume, args=[teller(read)]) for _ in range(members)]
        for thread in [producer, *consumers]:
            thread.start()
        told_to_stop = sys.stdin.readline()
        producing.set()
        producer.join()
        produced.flush()
        if told_to_stop:
            print("flushed", flush=True)
            sys.stdin.read()
        reading.set()
        for thread in consumers:
            thread.join()


main()
