// Reads properties files from standard input, parted by lines of three dashes, and says of each
// whether Apache Kafka would start with it: `ok`, or the refusal, one line each.
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.Properties;
import kafka.server.KafkaConfig;

public class ServerFiles {
    public static void main(String[] args) throws Exception {
        String input = new String(System.in.readAllBytes(), StandardCharsets.ISO_8859_1);
        for (String file : input.split("\n---\n")) {
            String verdict = "ok";
            try {
                Properties properties = new Properties();
                properties.load(
                    new ByteArrayInputStream(file.getBytes(StandardCharsets.ISO_8859_1)));
                KafkaConfig.fromProps(properties, false);
            } catch (Exception refusal) {
                verdict = String.valueOf(refusal.getMessage()).replaceAll("\\s+", " ");
            }
            System.out.println(verdict);
        }
    }
}
