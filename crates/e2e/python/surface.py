"""What confluent-kafka (librdkafka) can ask of a broker, and what comes back, a fact a line.

surface.py BOOTSTRAP: two brokers are alike if they make it print the same.
"""

import sys
import time

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

PATIENCE_SECONDS = 60
BOOTSTRAP = sys.argv[1]
TOPIC = "surface-python"
BIG_BYTES = 900_000
EPOCH_MS = 1_700_000_000_000


def fact(name, *values):
    print(f"{name}:", *values)


def outcome(call):
    """What a call yields, or the name of the error that it ends with."""
    try:
        return call()
    except KafkaException as error:
        return error.args[0].name()


def done(futures):
    """The outcomes of an admin call, by name."""
    named = {getattr(key, "name", str(key)): future for key, future in futures.items()}
    return [f"{name}={outcome(named[name].result)}" for name in sorted(named)]


def until(what, attempt):
    """The first true value of `attempt`: a change that was acknowledged is not seen at once."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        value = attempt()
        if value:
            return value
        time.sleep(0.02)
    sys.exit(f"waited in vain: {what}")


def topics(admin):
    fact("create", *done(admin.create_topics([NewTopic(TOPIC, 3, 1, config={"retention.ms": "3600000"})])))
    until("the topic", lambda: TOPIC in admin.list_topics().topics)
    wrong = [NewTopic(TOPIC, 1, 1), NewTopic("not/a/name", 1, 1), NewTopic("python-replicas", 1, 7),
             NewTopic("python-partitions", 0, 1), NewTopic("python-config", 1, 1, config={"retention.ms": "long"})]
    fact("create wrong", *done(admin.create_topics(wrong)))
    fact("create only validated", *done(admin.create_topics([NewTopic("python-dry", 1, 1)], validate_only=True)))
    fact("grow", *done(admin.create_partitions([NewPartitions(TOPIC, 4)])))
    until("four partitions", lambda: len(admin.list_topics(TOPIC).topics[TOPIC].partitions) == 4)
    fact("shrink", *done(admin.create_partitions([NewPartitions(TOPIC, 2)])))
    described = admin.describe_topics(TopicCollection([TOPIC]))[TOPIC].result()
    for partition in described.partitions:
        fact("described", partition.id, partition.leader.id, [n.id for n in partition.replicas],
             [n.id for n in partition.isr])
    fact("internal", described.is_internal)
    unknown = admin.describe_topics(TopicCollection(["python-missing"]))["python-missing"]
    fact("describe unknown", outcome(unknown.result))
    fact("delete unknown", *done(admin.delete_topics(["python-missing"])))


def configs(admin):
    resource = ConfigResource(ResourceType.TOPIC, TOPIC)

    def described():
        entries = admin.describe_configs([resource])[resource].result()
        return {name: (e.value, e.source, e.is_default, e.is_sensitive, e.is_read_only,
                       sorted(e.synonyms)) for name, e in entries.items()}

    for name, entry in sorted(described().items()):
        fact("config", name, *entry)

    def alter(value, operation=AlterConfigOpType.SET, name="retention.ms"):
        entry = ConfigEntry(name, value, incremental_operation=operation)
        changed = ConfigResource(ResourceType.TOPIC, TOPIC, incremental_configs=[entry])
        return [f.exception() and f.exception().args[0].name()
                for f in admin.incremental_alter_configs([changed]).values()]

    fact("alter", alter("7200000"))
    until("the change", lambda: described()["retention.ms"][0] == "7200000")
    fact("alter wrong", alter("long"), alter("x", name="no.such.key"))
    fact("append", alter("compact", AlterConfigOpType.APPEND, "cleanup.policy"))
    until("the appended", lambda: described()["cleanup.policy"][0] == "delete,compact")
    fact("alter back", alter(None, AlterConfigOpType.DELETE, "cleanup.policy"))
    fact("cleanup.policy", *until("the default", lambda: (
        lambda entry: entry if entry[0] == "delete" else None)(described()["cleanup.policy"])))
    legacy = ConfigResource(ResourceType.TOPIC, TOPIC, set_config={"max.message.bytes": "1000012"})
    fact("alter all", *[f.exception() for f in admin.alter_configs([legacy]).values()])
    fact("reset by it", until("the reset", lambda: (
        lambda value: value if value == "604800000" else None)(described()["retention.ms"][0])))


def produce():
    reports = []

    def delivered(error, message):
        reports.append(error.name() if error else f"{message.partition()}@{message.offset()}")

    producer = Producer({"bootstrap.servers": BOOTSTRAP, "enable.idempotence": True,
                         "message.max.bytes": 4_000_000, "acks": "all"})
    for i in range(40):
        producer.produce(TOPIC, key=f"key-{i}", value=f"value {i}", partition=i % 4,
                         timestamp=EPOCH_MS + 1000 * i, on_delivery=delivered,
                         headers=[("number", str(i).encode()), ("none", None), ("number", b"again")])
    producer.produce(TOPIC, key="dead", value=None, partition=0, timestamp=EPOCH_MS + 50_000,
                     on_delivery=delivered)
    producer.produce(TOPIC, value=b"x" * BIG_BYTES, partition=0, timestamp=EPOCH_MS + 60_000,
                     on_delivery=delivered)
    producer.flush(PATIENCE_SECONDS)
    fact("produced", *sorted(reports))
    for name, arguments in {
        "too large": {"topic": TOPIC, "value": b"x" * 2_000_000, "partition": 0},
        "no such partition": {"topic": TOPIC, "value": b"x", "partition": 17},
    }.items():
        reports.clear()
        refused = outcome(lambda: producer.produce(on_delivery=delivered, **arguments))
        producer.flush(PATIENCE_SECONDS)
        fact(name, refused, *reports)


def consumer(group, **more):
    settings = {"bootstrap.servers": BOOTSTRAP, "group.id": group, "enable.auto.commit": False,
                "auto.offset.reset": "earliest", "enable.partition.eof": True}
    return Consumer(settings | {key.replace("_", "."): value for key, value in more.items()})


def read_to_ends(reader, partitions):
    """Every record from where the reader stands to the ends of that many partitions."""
    records, ends = [], set()
    until("the ends", lambda: take(reader, records, ends) or len(ends) == partitions)
    return sorted(records, key=lambda m: (m.partition(), m.offset()))


def take(reader, records, ends):
    message = reader.poll(1)
    if message is None:
        return
    if message.error() is None:
        records.append(message)
    elif message.error().code() == KafkaError._PARTITION_EOF:
        ends.add(message.partition())
    else:
        raise KafkaException(message.error())


def consume():
    reader = consumer("python-readers", max_partition_fetch_bytes=1000)
    partitions = [TopicPartition(TOPIC, p) for p in range(4)]
    reader.assign(partitions)
    for message in read_to_ends(reader, 4):
        value = message.value()
        shown = None if value is None else value.decode() if len(value) < 100 else len(value)
        fact("record", message.partition(), message.offset(), message.timestamp(), message.key(),
             shown, message.headers())
    for when in (0, EPOCH_MS + 20_500, EPOCH_MS + 39_000, EPOCH_MS + 10**9):
        asked = [TopicPartition(TOPIC, p, when) for p in range(4)]
        found = reader.offsets_for_times(asked, PATIENCE_SECONDS)
        fact("at", when, [(p.partition, p.offset, str(p.error)) for p in found])
        placed = [p for p in found if p.offset >= 0]
        reader.assign(placed)
        fact("from there", len(read_to_ends(reader, len(placed))) if placed else None)
    fact("watermarks", *[reader.get_watermark_offsets(p, PATIENCE_SECONDS) for p in partitions])
    reader.close()
    latest = consumer("python-late", auto_offset_reset="latest")
    latest.assign(partitions)
    fact("from the end", len(read_to_ends(latest, 4)))
    latest.close()
    lost = consumer("python-lost", auto_offset_reset="error")
    lost.assign([TopicPartition(TOPIC, 0, 999)])
    fact("out of range", until("an error", lambda: (
        lambda m: m.error().name() if m and m.error() else None)(lost.poll(1))))
    lost.subscribe(["python-missing"])
    fact("unknown topic", until("an error", lambda: (
        lambda m: m.error().name() if m and m.error() else None)(lost.poll(1))))
    lost.close()


def offsets(admin):
    reader = consumer("python-committers")
    committed = [TopicPartition(TOPIC, 0, 5, "why", 0), TopicPartition(TOPIC, 1, 7)]
    reader.commit(offsets=committed, asynchronous=False)

    def shown(partitions):
        return [(p.topic, p.partition, p.offset, p.metadata) for p in partitions]

    fact("committed", *shown(reader.committed([TopicPartition(TOPIC, p) for p in range(3)])))
    reader.close()
    group = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("python-committers")])
    fact("listed", *shown(sorted(group["python-committers"].result().topic_partitions)))
    reset = ConsumerGroupTopicPartitions("python-committers", [TopicPartition(TOPIC, 0, 0)])
    altered = admin.alter_consumer_group_offsets([reset])["python-committers"].result()
    fact("reset", *[(p.partition, p.offset, str(p.error)) for p in altered.topic_partitions])
    group = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("python-committers")])
    fact("listed", *shown(sorted(group["python-committers"].result().topic_partitions)))
    described = admin.describe_consumer_groups(["python-committers", "python-nobody"])
    for name in ("python-committers", "python-nobody"):
        group = outcome(described[name].result)
        fact("group", name, group if isinstance(group, str) else
             (group.state.name, group.is_simple_consumer_group, len(group.members)))
    fact("delete groups", *done(admin.delete_consumer_groups(["python-committers", "python-nobody"])))


def rebalance(admin):
    made = admin.create_topics([NewTopic("shared-python", 6, 1)])["shared-python"]
    fact("create", outcome(made.result))
    until("its leaders", lambda: len(admin.list_topics().topics.get(
        "shared-python", NewTopic("", 0)).partitions or ()) == 6)
    settings = {"session_timeout_ms": 6000, "heartbeat_interval_ms": 100}
    members = [consumer("python-sharers", group_instance_id=f"seat-{i}", **settings) for i in range(3)]
    for member in members:
        member.subscribe(["shared-python"])

    def sizes():
        for member in members:
            member.poll(0.02)
        return [len(member.assignment()) for member in members]

    until("two each", lambda: sizes() == [2, 2, 2])
    group = until("a stable group", lambda: (sizes(), (
        lambda g: g if g.state.name == "STABLE" else None)(
            admin.describe_consumer_groups(["python-sharers"])["python-sharers"].result()))[1])
    fact("group", group.state.name, group.partition_assignor, sorted(
        (m.group_instance_id, m.client_id, len(m.assignment.topic_partitions)) for m in group.members))
    fact("delete while used", *done(admin.delete_consumer_groups(["python-sharers"])))
    before = sorted(p.partition for p in members[0].assignment())
    members.pop(0).close()
    members.insert(0, consumer("python-sharers", group_instance_id="seat-0", **settings))
    members[0].subscribe(["shared-python"])
    until("its seat again", lambda: sizes() == [2, 2, 2])
    fact("same seat", before == sorted(p.partition for p in members[0].assignment()))
    for member in members:
        member.close()


def ends(admin):
    fact("delete records", *[f"{p.partition}={outcome(f.result).low_watermark}" for p, f in
         admin.delete_records([TopicPartition(TOPIC, 0, 3)]).items()])
    for name, spec in {"earliest": OffsetSpec.earliest(), "latest": OffsetSpec.latest(),
                       "max timestamp": OffsetSpec.max_timestamp()}.items():
        listed = admin.list_offsets({TopicPartition(TOPIC, 0): spec},
                                    isolation_level=IsolationLevel.READ_COMMITTED)
        fact(name, *[(f.result().offset, f.result().timestamp) for f in listed.values()])
    cluster = admin.describe_cluster().result()
    fact("cluster", [n.id for n in cluster.nodes], cluster.controller.id)
    listed = admin.list_consumer_groups().result()
    fact("groups", *sorted((g.group_id, g.state.name, g.is_simple_consumer_group, g.type.name)
                           for g in listed.valid if g.group_id.startswith("python-")), *listed.errors)
    fact("delete", *done(admin.delete_topics([TOPIC, "shared-python"])))
    until("it is gone", lambda: TOPIC not in admin.list_topics().topics)


def main():
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    topics(admin)
    configs(admin)
    produce()
    consume()
    offsets(admin)
    rebalance(admin)
    ends(admin)


main()
