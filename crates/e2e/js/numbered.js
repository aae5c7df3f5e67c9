// A producer of numbered records and a group that reads them, until told to stop, on kafkajs.
//   numbered.js BOOTSTRAP TOPIC PARTITIONS RATE MEMBERS NAME FOLDER
// The same as crates/e2e/java/Numbered.java, in the words of crates/e2e/src/checker/told.rs.
const fs = require("fs");
const { Kafka, logLevel } = require("kafkajs");

const [bootstrap, topic, ...rest] = process.argv.slice(2);
const [partitions, rate, members] = rest.slice(0, 3).map(Number);
const [name, folder] = rest.slice(3);
const TICK_MS = 20;

let producing = true;
const kafka = new Kafka({ brokers: bootstrap.split(","), logLevel: logLevel.WARN });

function teller(what) {
  const file = fs.openSync(`${folder}/${name}.${what}`, "w");
  return (line) => fs.writeSync(file, line + "\n");
}

const oneLine = (error) => String(error).replaceAll("\n", " ");
const restAMoment = () => new Promise((resolve) => setTimeout(resolve, TICK_MS));

async function produce(tell) {
  // kafkajs is idempotent only with one request in flight
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const sent = new Array(partitions).fill(0);
  const begun = Date.now();
  for (let turn = 0; producing; ) {
    const due = Math.floor(((Date.now() - begun) * rate) / 1000) - turn;
    for (let partition = 0; partition < partitions && due > 0 && producing; partition++) {
      const first = sent[partition];
      const count = Math.ceil(due / partitions);
      sent[partition] += count;
      turn += count;
      await send(producer, partition, first, count, tell);
    }
    await restAMoment();
  }
  await producer.disconnect();
  sent.forEach((count, partition) => tell(`N ${partition} ${count}`));
}

async function send(producer, partition, first, count, tell) {
  const numbers = Array.from({ length: count }, (_, i) => first + i);
  const messages = numbers.map((number) => ({ partition, key: name, value: String(number) }));
  try {
    const [{ baseOffset }] = await producer.send({ topic, acks: -1, messages });
    numbers.forEach((number, i) => tell(`A ${partition} ${number} ${Number(baseOffset) + i} ${Date.now()}`));
  } catch (error) {
    numbers.forEach((number) => tell(`F ${partition} ${number} ${oneLine(error)}`));
  }
}

async function consume(tell) {
  const consumer = kafka.consumer({ groupId: name });
  const fresh = new Set();
  // a consumer that says it restarts has told nobody but its listener; one that does not has ended
  consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) =>
    restart ? console.error(error) : tell(`E ${oneLine(error)}`),
  );
  consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload: { topics } }) => {
    const own = topics.filter((committed) => committed.topic === topic);
    own.flatMap(({ partitions }) => partitions).forEach(({ partition, offset }) => tell(`C ${partition} ${offset}`));
  });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    fresh.clear();
    (payload.memberAssignment[topic] || []).forEach((partition) => fresh.add(partition));
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachBatch: async ({ batch, isStale }) => {
      if (isStale()) return;
      const { partition } = batch;
      for (const { offset, key, value } of batch.messages) {
        if (fresh.delete(partition)) tell(`S ${partition} ${offset}`);
        tell(`R ${partition} ${offset} ${key} ${value}`);
      }
    },
  });
  return consumer;
}

async function main() {
  const produced = produce(teller("produced"));
  const told = teller("read");
  const consumers = await Promise.all(Array.from({ length: members }, () => consume(told)));
  for await (const _ of process.stdin) {
    producing = false;
    await produced;
    console.log("flushed");
  }
  producing = false;
  await Promise.all(consumers.map((consumer) => consumer.disconnect()));
}

// kafkajs may keep a timer of a connection that it has lost
main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
