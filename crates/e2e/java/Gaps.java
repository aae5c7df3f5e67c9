// How long a producer waits for acknowledgements while something happens to its cluster.
//   Gaps BOOTSTRAP TOPIC PARTITION RATE [KEY=VALUE...]
// Sends RATE records a second with the defaults of the client, acks=all among them, unless settings
// say otherwise, and prints "ready" when it has warmed up. Each line of standard input is a command,
// answered by a line:
//   mark    what was before does not count                      marked
//   served  waits until a record sent from now on is there      served
//   stop    ends                                                LONGEST_US ACKNOWLEDGED FAILED

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Gaps {
    private static final int WARM_UP_RECORDS = 3000;
    private static final byte[] VALUE = new byte[100];

    private final String[] args;
    private volatile boolean sending = true;
    private long sent;
    private long acknowledged;
    private long failed;
    private long newestThere = -1;
    private long lastNanos = System.nanoTime();
    private long longestNanos;

    private Gaps(String[] args) {
        this.args = args;
    }

    public static void main(String[] args) throws Exception {
        new Gaps(args).run();
    }

    private void run() throws Exception {
        Thread sender = new Thread(this::send);
        sender.start();
        awaitThere(WARM_UP_RECORDS);
        System.out.println("ready");
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
        String command;
        while ((command = commands.readLine()) != null && !command.equals("stop")) {
            System.out.println(command.equals("mark") ? mark() : awaitThere(sentSoFar()));
        }
        sending = false;
        sender.join();
        synchronized (this) {
            System.out.println(longestNanos / 1000 + " " + acknowledged + " " + failed);
        }
    }

    private synchronized String mark() {
        acknowledged = 0;
        failed = 0;
        longestNanos = 0;
        return "marked";
    }

    private synchronized long sentSoFar() {
        return sent;
    }

    private synchronized String awaitThere(long record) throws InterruptedException {
        while (newestThere < record) wait();
        return "served";
    }

    private void send() {
        String topic = args[1];
        int partition = Integer.parseInt(args[2]);
        long pauseNanos = 1_000_000_000L / Integer.parseInt(args[3]);
        ByteArraySerializer bytes = new ByteArraySerializer();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(properties(), bytes, bytes)) {
            long due = System.nanoTime();
            while (sending) {
                long number = number();
                ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, partition, null, VALUE);
                producer.send(record, (metadata, error) -> decided(number, error));
                due += pauseNanos;
                long early = due - System.nanoTime();
                if (early > 0) Thread.sleep(early / 1_000_000, (int) (early % 1_000_000));
            }
        } catch (InterruptedException ended) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized long number() {
        return sent++;
    }

    private synchronized void decided(long number, Exception error) {
        if (error != null) {
            failed++;
            return;
        }
        long now = System.nanoTime();
        longestNanos = Math.max(longestNanos, now - lastNanos);
        lastNanos = now;
        acknowledged++;
        newestThere = Math.max(newestThere, number);
        notifyAll();
    }

    private Properties properties() {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", args[0]);
        for (int i = 4; i < args.length; i++) {
            String[] pair = args[i].split("=", 2);
            properties.put(pair[0], pair[1]);
        }
        return properties;
    }
}
