// kafkajs as a keyed producer and a counting consumer.
//   client.js produce BOOTSTRAP TOPIC CODEC          KEY:VALUE lines on standard input
//   client.js consume BOOTSTRAP TOPIC GROUP COUNT    prints KEY COUNT lines, sorted
const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require("kafkajs");
const readline = require("readline");
const lz4 = require("lz4-napi");
const zstd = require("@bokuweb/zstd-wasm");

CompressionCodecs[CompressionTypes.Snappy] = require("kafkajs-snappy");
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => lz4.compressFrame(encoder.buffer),
  decompress: async (bytes) => lz4.decompressFrame(bytes),
});
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => Buffer.from(zstd.compress(encoder.buffer, 3)),
  decompress: async (bytes) => Buffer.from(zstd.decompress(bytes)),
});
const codecs = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};
const MESSAGES_A_REQUEST = 5000;

async function produce(kafka, topic, codec) {
  const producer = kafka.producer();
  await producer.connect();
  let messages = [];
  const send = async () => {
    if (messages.length > 0) await producer.send({ topic, messages, compression: codecs[codec], acks: -1 });
    messages = [];
  };
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const colon = line.indexOf(":");
    messages.push({ key: line.slice(0, colon), value: line.slice(colon + 1) });
    if (messages.length === MESSAGES_A_REQUEST) await send();
  }
  await send();
  await producer.disconnect();
}

async function consume(kafka, topic, groupId, count) {
  const consumer = kafka.consumer({ groupId });
  const totals = new Map();
  let seen = 0;
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, (event) => reject(event.payload.error));
    consumer
      .run({
        eachMessage: async ({ message }) => {
          const key = message.key.toString();
          totals.set(key, (totals.get(key) || 0) + 1);
          if (++seen === count) resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  for (const key of [...totals.keys()].sort()) console.log(`${key} ${totals.get(key)}`);
}

async function main([action, bootstrap, topic, ...rest]) {
  await zstd.init();
  const kafka = new Kafka({ clientId: "e2e", brokers: [bootstrap], logLevel: logLevel.ERROR });
  if (action === "produce") await produce(kafka, topic, rest[0]);
  else await consume(kafka, topic, rest[0], Number(rest[1]));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
