// Reads texts from standard input, in hexadecimal and one a line, loads each as a properties file
// and prints its entries: key and value in hexadecimal UTF-8 with `=` between, sorted, parted by
// `;`, or `refused`.
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Properties;
import java.util.TreeSet;

public class PropertiesFacts {
    public static void main(String[] args) throws Exception {
        String input = new String(System.in.readAllBytes(), StandardCharsets.US_ASCII);
        StringBuilder output = new StringBuilder();
        for (String line : input.split("\n")) {
            output.append(entries(HexFormat.of().parseHex(line))).append('\n');
        }
        System.out.print(output);
    }

    private static String entries(byte[] file) throws Exception {
        Properties properties = new Properties();
        try {
            properties.load(new ByteArrayInputStream(file));
        } catch (IllegalArgumentException refusal) {
            return "refused";
        }
        TreeSet<String> entries = new TreeSet<>();
        for (String key : properties.stringPropertyNames())
            entries.add(hex(key) + "=" + hex(properties.getProperty(key)));
        return String.join(";", entries);
    }

    private static String hex(String text) {
        return HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
    }
}
