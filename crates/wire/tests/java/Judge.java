// Says of every input whether Kafka's own classes can read it, and what they write for it.
//
// args:   input file, output file.
// input:  per case UTF name, short version, int length, bytes.
// output: per case int length, bytes (length -1: not readable).

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

public final class Judge {
    public static void main(String[] args) throws Exception {
        Map<String, Class<?>> types = new HashMap<>();
        try (DataInputStream in = new DataInputStream(new BufferedInputStream(new FileInputStream(args[0])));
                DataOutputStream out = new DataOutputStream(
                    new BufferedOutputStream(new FileOutputStream(args[1])))) {
            while (in.available() > 0) {
                String name = in.readUTF();
                short version = in.readShort();
                byte[] bytes = new byte[in.readInt()];
                in.readFully(bytes);
                Class<?> type = types.get(name);
                if (type == null) {
                    type = Samples.find(name);
                    types.put(name, type);
                }
                byte[] again = again((Message) type.getConstructor().newInstance(), version, bytes);
                out.writeInt(again == null ? -1 : again.length);
                out.write(again == null ? new byte[0] : again);
            }
        }
    }

    /** What Kafka writes for what it read, or null if it cannot read all of the bytes. */
    private static byte[] again(Message message, short version, byte[] bytes) {
        try {
            ByteBuffer input = ByteBuffer.wrap(bytes);
            message.read(new ByteBufferAccessor(input), version);
            if (input.hasRemaining()) {
                return null;
            }
            ObjectSerializationCache cache = new ObjectSerializationCache();
            ByteBuffer output = ByteBuffer.allocate(message.size(cache, version));
            message.write(new ByteBufferAccessor(output), cache, version);
            return output.array();
        } catch (RuntimeException e) {
            return null;
        }
    }
}
