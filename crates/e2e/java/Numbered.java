// A producer of numbered records and a group that reads them, until told to stop.
//   Numbered BOOTSTRAP TOPIC PARTITIONS RATE MEMBERS NAME FOLDER [KEY=VALUE...]
// Record n of a partition has the key NAME and the value n. What happens goes to FOLDER/NAME.produced
// and FOLDER/NAME.read, in the words of crates/e2e/src/checker/told.rs. A line on standard input ends
// producing, and "flushed" is printed when all records are decided; its end ends reading. Settings
// that begin with "producer." or "consumer." are for one of them.

import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Numbered {
    private static volatile boolean producing = true;
    private static volatile boolean reading = true;

    private final String[] args;
    private final String topic;
    private final String name;

    private Numbered(String[] args) {
        this.args = args;
        this.topic = args[1];
        this.name = args[5];
    }

    public static void main(String[] args) throws Exception {
        new Numbered(args).run(Integer.parseInt(args[4]), Path.of(args[6]));
    }

    private void run(int members, Path folder) throws Exception {
        PrintStream produced = new PrintStream(Files.newOutputStream(folder.resolve(name + ".produced")));
        PrintStream read = new PrintStream(Files.newOutputStream(folder.resolve(name + ".read")));
        Thread producer = new Thread(() -> produce(produced));
        producer.start();
        List<Thread> consumers = new ArrayList<>();
        for (int i = 0; i < members; i++) {
            Thread consumer = new Thread(() -> consume(read));
            consumer.start();
            consumers.add(consumer);
        }
        if (System.in.read() >= 0) {
            producing = false;
            producer.join();
            produced.close();
            System.out.println("flushed");
            while (System.in.read() >= 0) {}
        }
        producing = false;
        reading = false;
        for (Thread consumer : consumers) consumer.join();
        read.close();
    }

    private Properties properties(String own, String other) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", args[0]);
        for (int i = 7; i < args.length; i++) {
            String[] pair = args[i].split("=", 2);
            if (pair[0].startsWith(other)) continue;
            properties.put(pair[0].startsWith(own) ? pair[0].substring(own.length()) : pair[0], pair[1]);
        }
        return properties;
    }

    private void produce(PrintStream told) {
        int partitions = Integer.parseInt(args[2]);
        long pauseNanos = 1_000_000_000L / Integer.parseInt(args[3]);
        long[] sent = new long[partitions];
        Properties properties = properties("producer.", "consumer.");
        StringSerializer text = new StringSerializer();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties, text, text)) {
            long next = System.nanoTime();
            for (long i = 0; producing; i++) {
                int partition = (int) (i % partitions);
                long number = sent[partition]++;
                ProducerRecord<String, String> record =
                    new ProducerRecord<>(topic, partition, name, Long.toString(number));
                producer.send(record, (metadata, error) -> {
                    String line = error == null
                        ? "A " + partition + " " + number + " " + metadata.offset() + " " + System.currentTimeMillis()
                        : "F " + partition + " " + number + " " + oneLine(error);
                    synchronized (told) { told.println(line); }
                });
                next = Math.max(next + pauseNanos, System.nanoTime() - 100 * pauseNanos);
                while (producing && System.nanoTime() < next) {
                    Thread.sleep(Math.max(1, (next - System.nanoTime()) / 1_000_000));
                }
            }
            producer.flush();
        } catch (Exception error) {
            synchronized (told) { told.println("E " + oneLine(error)); }
        }
        for (int partition = 0; partition < partitions; partition++) {
            told.println("N " + partition + " " + sent[partition]);
        }
    }

    private void consume(PrintStream told) {
        Properties properties = properties("consumer.", "producer.");
        properties.putIfAbsent("group.id", name);
        properties.putIfAbsent("auto.offset.reset", "earliest");
        properties.putIfAbsent("enable.auto.commit", "false");
        StringDeserializer text = new StringDeserializer();
        Set<Integer> fresh = new HashSet<>();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties, text, text)) {
            consumer.subscribe(List.of(topic), new ConsumerRebalanceListener() {
                public void onPartitionsRevoked(Collection<TopicPartition> revoked) {}
                public void onPartitionsAssigned(Collection<TopicPartition> assigned) {
                    for (TopicPartition partition : assigned) fresh.add(partition.partition());
                }
            });
            while (reading) {
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(200));
                synchronized (told) {
                    for (ConsumerRecord<String, String> record : records) {
                        String place = record.partition() + " " + record.offset();
                        if (fresh.remove(record.partition())) told.println("S " + place);
                        told.println("R " + place + " " + record.key() + " " + record.value());
                    }
                }
                if (!records.isEmpty()) commit(consumer, records, told);
            }
        } catch (Exception error) {
            synchronized (told) { told.println("E " + oneLine(error)); }
        }
    }

    /** Says what is committed for certain; what is not is read again by whoever goes on. */
    private void commit(
            KafkaConsumer<String, String> consumer, ConsumerRecords<String, String> records, PrintStream told) {
        try {
            consumer.commitSync(Duration.ofSeconds(10));
        } catch (CommitFailedException | RebalanceInProgressException | RetriableException expected) {
            return;
        }
        synchronized (told) {
            for (TopicPartition partition : records.partitions()) {
                List<ConsumerRecord<String, String>> own = records.records(partition);
                long next = own.get(own.size() - 1).offset() + 1;
                told.println("C " + partition.partition() + " " + next);
            }
        }
    }

    private static String oneLine(Exception error) {
        return error.toString().replace('\n', ' ');
    }
}
