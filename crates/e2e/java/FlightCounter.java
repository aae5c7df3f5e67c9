// A member of a consumer group that counts records a key.
//   FlightCounter BOOTSTRAP TOPIC GROUP INSTANCES COUNT: that many consumers of one group, in one
//   process, a thread each; prints KEY COUNT lines, sorted, once COUNT records were seen in all.

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

public class FlightCounter {
    public static void main(String[] args) throws Exception {
        int instances = Integer.parseInt(args[3]);
        long count = Long.parseLong(args[4]);
        AtomicLong seen = new AtomicLong();
        Map<String, Long> totals = new TreeMap<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < instances; i++) {
            Thread thread = new Thread(() -> consume(args[0], args[1], args[2], count, seen, totals));
            threads.add(thread);
            thread.start();
        }
        for (Thread thread : threads) thread.join();
        totals.forEach((key, total) -> System.out.println(key + " " + total));
    }

    private static void consume(
            String bootstrap, String topic, String group, long count, AtomicLong seen, Map<String, Long> totals) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("group.id", group);
        properties.put("auto.offset.reset", "earliest");
        properties.put("key.deserializer", StringDeserializer.class.getName());
        properties.put("value.deserializer", StringDeserializer.class.getName());
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties)) {
            consumer.subscribe(List.of(topic));
            while (seen.get() < count) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                    synchronized (totals) {
                        totals.merge(record.key(), 1L, Long::sum);
                    }
                    seen.incrementAndGet();
                }
            }
        }
    }
}
