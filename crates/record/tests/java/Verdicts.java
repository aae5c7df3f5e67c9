// What Kafka's leader says to batches: for every file in a folder, one line with its name, and the
// error with the records that it names, or ok with the greatest timestamp.
//
//   Verdicts FOLDER     files named compacted-… are judged as for a compacted topic,
//                       those named capped-… with max.decompressed.message.bytes=RECORD_BYTES_MAX

import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.internals.BufferSupplier;
import org.apache.kafka.common.utils.internals.PrimitiveRef;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.LogValidator;
import org.apache.kafka.storage.internals.log.RecordValidationException;

public class Verdicts {
    static final long NOW = 1_700_000_000_000L;
    static final long BOUND_MS = 1000;
    static final int RECORD_BYTES_MAX = 20;

    public static void main(String[] args) throws IOException {
        List<Path> files;
        try (var all = Files.list(Path.of(args[0]))) {
            files = all.sorted().toList();
        }
        for (Path file : files) {
            String name = file.getFileName().toString();
            System.out.println(name + " " + verdict(Files.readAllBytes(file), name));
        }
    }

    static String verdict(byte[] bytes, String name) {
        try {
            MemoryRecords records = MemoryRecords.readableRecords(ByteBuffer.wrap(bytes));
            ProduceRequest.validateRecords((short) 9, records);
            RecordBatch batch = records.batches().iterator().next();
            batch.ensureValid();
            CompressionType type = batch.compressionType();
            LogValidator validator = new LogValidator(records, new TopicPartition("t", 0), clock(), type,
                Compression.of(type).build(), name.startsWith("compacted-"), RecordBatch.MAGIC_VALUE_V2,
                TimestampType.CREATE_TIME, BOUND_MS, BOUND_MS, 0, AppendOrigin.CLIENT,
                name.startsWith("capped-") ? RECORD_BYTES_MAX : Integer.MAX_VALUE - 8);
            LogValidator.ValidationResult result = validator.validateMessagesAndAssignOffsets(
                PrimitiveRef.ofLong(0), standIn(LogValidator.MetricsRecorder.class, null), BufferSupplier.create());
            return "ok max " + result.maxTimestampMs();
        } catch (RecordValidationException e) {
            List<Integer> indices = e.recordErrors().stream().map(error -> error.batchIndex).toList();
            return Errors.forException(e.invalidException()) + " " + indices;
        } catch (RuntimeException e) {
            return Errors.forException(e) + " []";
        }
    }

    static Time clock() {
        return standIn(Time.class, NOW);
    }

    // every method answers the same
    static <T> T standIn(Class<T> type, Object answer) {
        return type.cast(Proxy.newProxyInstance(Verdicts.class.getClassLoader(), new Class<?>[] {type},
            (proxy, method, arguments) -> method.getReturnType() == void.class ? null : answer));
    }
}
