import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Writes two plain records, then a transaction that commits, one that aborts and one that commits;
 * leaves a fourth open, prints "open", and commits it when its standard input ends.
 *   Transactions BOOTSTRAP TOPIC
 */
public class Transactions {
    public static void main(String[] args) throws Exception {
        try (KafkaProducer<String, String> plain = producer(args[0], null)) {
            write(plain, args[1], "plain", 2);
        }
        try (KafkaProducer<String, String> producer = producer(args[0], "writer")) {
            producer.initTransactions();
            producer.beginTransaction();
            write(producer, args[1], "first", 3);
            producer.commitTransaction();
            producer.beginTransaction();
            write(producer, args[1], "second", 2);
            producer.abortTransaction();
            producer.beginTransaction();
            write(producer, args[1], "third", 1);
            producer.commitTransaction();
            producer.beginTransaction();
            write(producer, args[1], "open", 2);
            System.out.println("open");
            while (System.in.read() >= 0) {
            }
            producer.commitTransaction();
        }
    }

    private static KafkaProducer<String, String> producer(String bootstrap, String transactionalId) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        if (transactionalId != null) properties.put("transactional.id", transactionalId);
        return new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
    }

    private static void write(KafkaProducer<String, String> producer, String topic, String what, int count) {
        for (int i = 0; i < count; i++) producer.send(new ProducerRecord<>(topic, what + " " + i));
        producer.flush();
    }
}
