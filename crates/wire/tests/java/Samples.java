// Serialises every message of Kafka in every version with seeded random fields.
//
// stdin:  a line "NAME MIN MAX" a message. args: output file, seed, samples a version.
// output: per sample UTF name, short version, int length, bytes, int length, JSON (length -1: Kafka prints none).

import java.io.BufferedReader;
import java.io.DataOutputStream;
import java.io.BufferedOutputStream;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.lang.reflect.Field;
import java.lang.reflect.ParameterizedType;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Random;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.MemoryRecords;

public final class Samples {
    private static final String[] PACKAGES = {
        "org.apache.kafka.common.message.", "org.apache.kafka.common.metadata.",
        "org.apache.kafka.coordinator.group.generated.", "org.apache.kafka.coordinator.share.generated.",
        "org.apache.kafka.coordinator.transaction.generated.", "org.apache.kafka.raft.generated.",
        "org.apache.kafka.server.log.remote.metadata.storage.generated.",
    };
    private static final String[] TEXTS = {
        "", "a", "topic-1", "\u00e9\u4e2d\ud83d\ude00", "quote\" slash\\ line\n tab\t \u0001", "x".repeat(200),
    };

    private final Random random;
    /** Chance in a hundred that a value which may be null is null. */
    private final int nulls;
    private final int elementsMax;

    private Samples(long seed, int nulls, int elementsMax) {
        this.random = new Random(seed);
        this.nulls = nulls;
        this.elementsMax = elementsMax;
    }

    public static void main(String[] args) throws Exception {
        long seed = Long.parseLong(args[1]);
        int count = Integer.parseInt(args[2]);
        BufferedReader names = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try (DataOutputStream out = new DataOutputStream(
                new BufferedOutputStream(new FileOutputStream(args[0])))) {
            for (String line = names.readLine(); line != null; line = names.readLine()) {
                String[] words = line.split(" ");
                Class<?> type = find(words[0]);
                for (short v = Short.parseShort(words[1]); v <= Short.parseShort(words[2]); v++) {
                    for (int i = 0; i < count; i++) {
                        Samples samples = new Samples(seed * 31 + i, 20 * (i % 5), 1 + i % 4);
                        write(out, words[0], (Message) samples.struct(type, v), v);
                    }
                }
            }
        }
    }

    static Class<?> find(String name) throws ClassNotFoundException {
        String data = name.endsWith("Request") || name.endsWith("Response") || name.endsWith("Header") ? "Data" : "";
        for (String prefix : PACKAGES) {
            try {
                return Class.forName(prefix + name + data);
            } catch (ClassNotFoundException e) {
                // in another package
            }
        }
        throw new ClassNotFoundException(name);
    }

    private static void write(DataOutputStream out, String name, Message message, short version) throws Exception {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        byte[] json = json(message, version);
        out.writeUTF(name);
        out.writeShort(version);
        out.writeInt(buffer.position());
        out.write(buffer.array(), 0, buffer.position());
        out.writeInt(json == null ? -1 : json.length);
        out.write(json == null ? new byte[0] : json);
    }

    private static byte[] json(Message message, short version) throws Exception {
        Class<?> type = message.getClass();
        if (type.getName().endsWith("Data") && !type.getSimpleName().startsWith("QuorumState")
                && !type.getSimpleName().startsWith("DefaultPrincipal")) {
            return null;
        }
        Object node = Class.forName(type.getName() + "JsonConverter")
            .getMethod("write", type, short.class).invoke(null, message, version);
        return node.toString().getBytes(StandardCharsets.UTF_8);
    }

    /** A struct with every field set that the version has; the others keep their defaults. */
    private Object struct(Class<?> type, short version) throws Exception {
        Object struct = type.getConstructor().newInstance();
        Schema schema = ((Schema[]) type.getField("SCHEMAS").get(null))[version];
        for (BoundField field : schema.fields()) {
            if (field.def.type instanceof TaggedFields tagged) {
                for (var tag : tagged.fields().values()) {
                    // a tagged field at its default is absent
                    if (random.nextInt(3) > 0) {
                        set(struct, tag.name, tag.type, version);
                    }
                }
            } else {
                set(struct, field.def.name, field.def.type, version);
            }
        }
        return struct;
    }

    private void set(Object struct, String snake, Type type, short version) throws Exception {
        Field field = member(struct.getClass(), snake);
        field.setAccessible(true);
        if (type.isNullable() && random.nextInt(100) < nulls) {
            field.set(struct, null);
        } else {
            field.set(struct, value(field, type, version));
        }
    }

    private static Field member(Class<?> type, String snake) {
        String wanted = snake.replace("_", "");
        for (Field field : type.getDeclaredFields()) {
            if (field.getName().replace("_", "").equalsIgnoreCase(wanted)) {
                return field;
            }
        }
        throw new IllegalStateException(type + " has no field for " + snake);
    }

    @SuppressWarnings("unchecked")
    private Object value(Field field, Type type, short version) throws Exception {
        Class<?> java = field.getType();
        if (type.isArray()) {
            Class<?> element;
            Collection<Object> elements;
            if (List.class.isAssignableFrom(java)) {
                element = (Class<?>) ((ParameterizedType) field.getGenericType()).getActualTypeArguments()[0];
                elements = new ArrayList<>();
            } else {
                element = (Class<?>) ((ParameterizedType) java.getGenericSuperclass()).getActualTypeArguments()[0];
                elements = (Collection<Object>) java.getConstructor().newInstance();
            }
            Type elementType = type.arrayElementType().orElseThrow();
            for (int i = random.nextInt(elementsMax + 1); i > 0; i--) {
                elements.add(scalar(element, elementType, version));
            }
            return elements;
        }
        return scalar(java, type, version);
    }

    private Object scalar(Class<?> java, Type type, short version) throws Exception {
        if (java == boolean.class || java == Boolean.class) return random.nextBoolean();
        if (java == byte.class || java == Byte.class) return (byte) integer();
        if (java == short.class || java == Short.class) return (short) integer();
        if (java == int.class || java == Integer.class) {
            return type == Type.UINT16 ? (int) integer() & 0xffff : (int) integer();
        }
        if (java == long.class || java == Long.class) {
            return type == Type.UNSIGNED_INT32 ? integer() & 0xffffffffL : integer();
        }
        // halves and quarters, which every JVM prints alike
        if (java == double.class) return random.nextInt(1 << 30) * (random.nextBoolean() ? 0.25 : -1024.0);
        if (java == String.class) return TEXTS[random.nextInt(TEXTS.length)];
        if (java == Uuid.class) return random.nextInt(4) == 0 ? Uuid.ZERO_UUID : new Uuid(integer(), integer());
        if (java == byte[].class) return bytes();
        if (java == ByteBuffer.class) return ByteBuffer.wrap(bytes());
        if (java.isAssignableFrom(MemoryRecords.class)) return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes()));
        return struct(java, version);
    }

    /** Small, large and special numbers alike. */
    private long integer() {
        return switch (random.nextInt(4)) {
            case 0 -> -1;
            case 1 -> random.nextInt(3);
            default -> random.nextLong() >> random.nextInt(64);
        };
    }

    private byte[] bytes() {
        byte[] bytes = new byte[random.nextInt(4) == 0 ? 300 : random.nextInt(8)];
        random.nextBytes(bytes);
        return bytes;
    }
}
