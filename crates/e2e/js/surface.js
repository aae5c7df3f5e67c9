// What kafkajs can ask of a broker, and what comes back, a fact a line.
//   surface.js BOOTSTRAP    two brokers are alike if they make it print the same
const { Kafka, ConfigResourceTypes, logLevel } = require("kafkajs");

const PATIENCE_MS = 60_000;
const TOPIC = "surface-js";
const SHARED = "shared-js";
const BIG_BYTES = 900_000;
const EPOCH_MS = 1_700_000_000_000;
const kafka = new Kafka({
  clientId: "surface",
  brokers: [process.argv[2]],
  logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 20, retries: 5 },
});

const fact = (name, ...values) => console.log(`${name}:`, ...values.map((v) => JSON.stringify(v)));

/** What a promise yields, or the type of the error that it ends with. */
async function outcome(promise) {
  try {
    return await promise;
  } catch (error) {
    // whole requests fail with what failed in them
    const part = [error.errors, error.groups, error.partitions].find(Boolean);
    const inner = part ? part[0].error || part[0] : error.cause || error;
    return inner.type || inner.name;
  }
}

/** The first true value of `attempt`: a change that was acknowledged is not seen at once. */
async function until(what, attempt) {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    const value = await attempt();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited in vain: ${what}`);
}

async function topics(admin) {
  const create = (topic, more) => outcome(admin.createTopics({ topics: [{ topic, numPartitions: 1, ...more }] }));
  const configEntries = [{ name: "retention.ms", value: "3600000" }];
  fact("create", await create(TOPIC, { numPartitions: 3, configEntries }));
  fact("create again", await create(TOPIC));
  fact("create wrong", await create("not/a/name"), await create("js-replicas", { replicationFactor: 7 }));
  fact("create wrong", await create("js-config", { configEntries: [{ name: "retention.ms", value: "long" }] }));
  const dry = admin.createTopics({ validateOnly: true, topics: [{ topic: "js-dry", numPartitions: 1 }] });
  fact("create only validated", await outcome(dry));
  const grow = (count) => outcome(admin.createPartitions({ topicPartitions: [{ topic: TOPIC, count }] }));
  fact("grow", await grow(4));
  fact("shrink", await grow(2));
  const described = await until("four partitions", async () => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [TOPIC] });
    return topics[0].partitions.length === 4 && topics;
  });
  described[0].partitions.sort((a, b) => a.partitionId - b.partitionId);
  fact("described", described);
  fact("describe unknown", await outcome(admin.fetchTopicMetadata({ topics: ["not/a/name"] })));
  fact("delete unknown", await outcome(admin.deleteTopics({ topics: ["js-missing"], timeout: 1000 })));
  fact("names", (await admin.listTopics()).filter((name) => name.endsWith("-js")).sort());
}

async function configs(admin) {
  const type = ConfigResourceTypes.TOPIC;
  const describe = async () => {
    const asked = { includeSynonyms: true, resources: [{ type, name: TOPIC }] };
    const { resources } = await admin.describeConfigs(asked);
    return resources[0].configEntries.sort((a, b) => (a.configName < b.configName ? -1 : 1));
  };
  const value = async (name) => (await describe()).find((entry) => entry.configName === name).configValue;
  for (const entry of await describe()) fact("config", entry);
  const alter = (name, value) => {
    const resources = [{ type, name: TOPIC, configEntries: [{ name, value }] }];
    return outcome(admin.alterConfigs({ resources }).then(({ resources }) => resources));
  };
  fact("alter all", await alter("max.message.bytes", "1000012"));
  await until("the reset", async () => (await value("retention.ms")) === "604800000");
  fact("alter wrong", await alter("retention.ms", "long"), await alter("no.such.key", "x"));
}

async function produce() {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const messages = Array.from({ length: 40 }, (_, i) => ({
    key: `key-${i}`,
    value: `value ${i}`,
    partition: i % 4,
    timestamp: String(EPOCH_MS + 1000 * i),
    headers: { number: [String(i), "again"], text: "ä" },
  }));
  messages.push({ key: "dead", value: null, partition: 0, timestamp: String(EPOCH_MS + 50_000) });
  messages.push({ value: "x".repeat(BIG_BYTES), partition: 0, timestamp: String(EPOCH_MS + 60_000) });
  const acks = await producer.send({ topic: TOPIC, messages });
  fact("produced", acks.sort((a, b) => a.partition - b.partition));
  await producer.disconnect();
  const plain = kafka.producer({ retry: { retries: 0 } });
  await plain.connect();
  const send = (topic, message, acks) => outcome(plain.send({ topic, messages: [message], acks }));
  fact("too large", await send(TOPIC, { value: "x".repeat(2_000_000), partition: 0 }));
  fact("no such name", await send("not/a/name", { value: "x" }));
  fact("leader acks", await send(TOPIC, { value: "one", partition: 1, timestamp: String(EPOCH_MS) }, 1));
  fact("no acks", await send(TOPIC, { value: "none", partition: 2, timestamp: String(EPOCH_MS) }, 0));
  await plain.disconnect();
}

/** The records that a group reads from where it stands until it has `count`. */
async function read(groupId, count) {
  const consumer = kafka.consumer({ groupId, maxBytesPerPartition: 1000, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: [TOPIC], fromBeginning: true });
  const records = [];
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, (event) => reject(event.payload.error));
    const eachMessage = async ({ partition, message }) => {
      records.push({ partition, ...message });
      if (records.length === count) resolve();
    };
    consumer.run({ eachMessage }).catch(reject);
  });
  await consumer.disconnect();
  return records.sort((a, b) => a.partition - b.partition || Number(a.offset) - Number(b.offset));
}

async function consume(admin) {
  const text = (bytes) => (bytes === null ? null : bytes.length < 100 ? bytes.toString() : bytes.length);
  for (const record of await read("js-readers", 44)) {
    const headers = Object.entries(record.headers).map(([key, value]) => [key, String(value)]);
    fact("record", record.partition, record.offset, record.timestamp, text(record.key), text(record.value), headers);
  }
  const sorted = (offsets) => offsets.sort((a, b) => a.partition - b.partition);
  for (const when of [0, EPOCH_MS + 20_500, EPOCH_MS + 39_000, EPOCH_MS + 10 ** 9]) {
    fact("at", when, sorted(await admin.fetchTopicOffsetsByTimestamp(TOPIC, when)));
  }
  fact("ends", sorted(await admin.fetchTopicOffsets(TOPIC)));
  const missing = kafka.consumer({ groupId: "js-lost", retry: { retries: 0 }, allowAutoTopicCreation: false });
  await missing.connect();
  fact("unknown topic", await outcome(missing.subscribe({ topics: ["js-missing"] })));
  await missing.disconnect();
}

async function offsets(admin) {
  const shown = async (groupId) => {
    const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [TOPIC] });
    return partitions.sort((a, b) => a.partition - b.partition);
  };
  fact("committed", await shown("js-readers"));
  const partitions = [{ partition: 0, offset: "5", metadata: "why" }, { partition: 1, offset: "7" }];
  await admin.setOffsets({ groupId: "js-committers", topic: TOPIC, partitions });
  fact("set", await shown("js-committers"));
  await admin.resetOffsets({ groupId: "js-readers", topic: TOPIC, earliest: true });
  fact("to the beginning", await shown("js-readers"));
  const groupState = async (groupId) => {
    const { groups } = await admin.describeGroups([groupId]);
    return groups.map((g) => [g.errorCode, g.groupId, g.state, g.protocolType, g.members.length]);
  };
  fact("groups", await groupState("js-committers"), await groupState("js-nobody"));
  const deleted = await outcome(admin.deleteGroups(["js-committers"]));
  fact("delete groups", deleted, await outcome(admin.deleteGroups(["js-nobody"])));
}

async function rebalance(admin) {
  await admin.createTopics({ topics: [{ topic: SHARED, numPartitions: 6 }] });
  const shares = new Map();
  const join = async (name) => {
    const timing = { sessionTimeout: 6000, heartbeatInterval: 100, maxWaitTimeInMs: 100 };
    const consumer = kafka.consumer({ groupId: "js-sharers", ...timing });
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      shares.set(name, (payload.memberAssignment[SHARED] || []).length);
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [SHARED], fromBeginning: true });
    await consumer.run({ eachMessage: async () => {} });
    return consumer;
  };
  const members = await Promise.all(["a", "b", "c"].map(join));
  const sizes = () => JSON.stringify([...shares.values()].sort());
  await until("two each", () => sizes() === "[2,2,2]");
  const { groups } = await until("a stable group", async () => {
    const described = await admin.describeGroups(["js-sharers"]);
    return described.groups[0].state === "Stable" && described;
  });
  fact("group", groups[0].protocol, groups[0].members.map((m) => m.clientId));
  fact("delete while used", await outcome(admin.deleteGroups(["js-sharers"])));
  await members.pop().disconnect();
  shares.delete("c");
  await until("three each", () => sizes() === "[3,3]");
  await Promise.all(members.map((member) => member.disconnect()));
  await until("an empty group", async () => {
    return (await admin.describeGroups(["js-sharers"])).groups[0].state === "Empty";
  });
}

async function ends(admin) {
  const below = (offset) => [{ partition: 0, offset }];
  fact("delete records", await outcome(admin.deleteTopicRecords({ topic: TOPIC, partitions: below("3") })));
  fact("too many", await outcome(admin.deleteTopicRecords({ topic: TOPIC, partitions: below("999") })));
  const [first] = (await admin.fetchTopicOffsets(TOPIC)).filter(({ partition }) => partition === 0);
  fact("ends", first);
  const { brokers, controller } = await admin.describeCluster();
  fact("cluster", brokers.map((broker) => broker.nodeId), controller);
  const groups = (await admin.listGroups()).groups.filter(({ groupId }) => groupId.startsWith("js-"));
  fact("groups", groups.sort((a, b) => (a.groupId < b.groupId ? -1 : 1)));
  fact("delete", await outcome(admin.deleteTopics({ topics: [TOPIC, SHARED] })));
  await until("they are gone", async () => !(await admin.listTopics()).includes(TOPIC));
}

async function main() {
  setTimeout(() => process.exit(2), 2 * PATIENCE_MS).unref();
  const admin = kafka.admin();
  await admin.connect();
  for (const part of [topics, configs, produce, consume, offsets, rebalance, ends]) await part(admin);
  await admin.disconnect();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
