// Writes batches with Kafka's own classes, and prints any file of batches in the form that
// tests/support prints it in too.
//
//   Batches write FOLDER   the golden files: FOLDER/NAME.log and FOLDER/NAME.txt
//   Batches print FILE...  every batch and record of the files

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.KRaftVersionRecord;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.message.SnapshotFooterRecord;
import org.apache.kafka.common.message.SnapshotHeaderRecord;
import org.apache.kafka.common.message.VotersRecord;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.DefaultRecordBatch;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.internals.ByteBufferOutputStream;

public class Batches {
    static final long TIME = 1_700_000_000_000L;
    // batches with more records than this print one sum over their lines
    static final int RECORDS_PRINTED_MAX = 20;

    public static void main(String[] args) throws IOException {
        if (args[0].equals("write")) {
            write(Path.of(args[1]));
        } else {
            for (int i = 1; i < args.length; i++) {
                System.out.print(print(ByteBuffer.wrap(Files.readAllBytes(Path.of(args[i])))));
            }
        }
    }

    static void write(Path folder) throws IOException {
        record Named(String name, Compression compression) { }
        List<Named> all = List.of(
            new Named("none", Compression.NONE),
            new Named("gzip", Compression.gzip().build()),
            new Named("gzip-9", Compression.gzip().level(9).build()),
            new Named("snappy", Compression.snappy().build()),
            new Named("lz4", Compression.lz4().build()),
            new Named("lz4-17", Compression.lz4().level(17).build()),
            new Named("zstd", Compression.zstd().build()),
            new Named("zstd-19", Compression.zstd().level(19).build()));
        for (Named named : all) {
            save(folder, named.name(), records(named.compression()));
        }
        save(folder, "control", control());
    }

    static void save(Path folder, String name, List<MemoryRecords> batches) throws IOException {
        int bytes = batches.stream().mapToInt(MemoryRecords::sizeInBytes).sum();
        ByteBuffer whole = ByteBuffer.allocate(bytes);
        batches.forEach(batch -> whole.put(batch.buffer().duplicate()));
        whole.flip();
        Files.write(folder.resolve(name + ".log"), whole.array());
        Files.writeString(folder.resolve(name + ".txt"), print(whole));
    }

    static List<MemoryRecords> records(Compression compression) {
        List<MemoryRecords> out = new ArrayList<>();
        Header[] headers = {
            new RecordHeader("trace", bytes("abc")),
            new RecordHeader("größe", bytes("")),
            new RecordHeader("", null),
        };

        MemoryRecordsBuilder ordinary = builder(compression, TimestampType.CREATE_TIME, 0, -1, -1, -1, false, -1);
        ordinary.append(TIME, bytes("key"), bytes("value"), headers);
        ordinary.append(TIME - 7, null, bytes("no key"));
        ordinary.append(TIME + 70_000, bytes("no value"), null);
        ordinary.append(TIME + 3, new byte[0], new byte[0]);
        ordinary.append(TIME, (byte[]) null, null);
        out.add(ordinary.build());

        MemoryRecordsBuilder transactional =
            builder(compression, TimestampType.CREATE_TIME, 5, 4711, 3, Integer.MAX_VALUE, true, -1);
        transactional.append(TIME, bytes("a"), bytes("1"));
        transactional.append(TIME, bytes("b"), bytes("2"));
        out.add(transactional.build());

        MemoryRecordsBuilder stamped =
            builder(compression, TimestampType.LOG_APPEND_TIME, 7, -1, -1, -1, false, -1);
        stamped.append(5, bytes("a"), bytes("1"));
        out.add(stamped.build());

        MemoryRecordsBuilder compacted =
            builder(compression, TimestampType.CREATE_TIME, 1000, -1, -1, -1, false, TIME + 86_400_000);
        compacted.appendWithOffset(1003, TIME, bytes("a"), null);
        compacted.appendWithOffset(1900, TIME + 1, bytes("b"), bytes("2"));
        compacted.overrideLastOffset(2000);
        out.add(compacted.build());

        MemoryRecordsBuilder timeless =
            builder(compression, TimestampType.CREATE_TIME, 2001, -1, -1, -1, false, -1);
        timeless.append(RecordBatch.NO_TIMESTAMP, bytes("a"), bytes("1"));
        out.add(timeless.build());

        // more than one block of every compression
        MemoryRecordsBuilder many =
            builder(compression, TimestampType.CREATE_TIME, 2002, -1, -1, -1, false, -1);
        for (int i = 0; i < 2000; i++) {
            String value = ("value " + i * 2_654_435 + " of a record; ").repeat(3);
            many.append(TIME + i, bytes("key " + i % 7), bytes(value));
        }
        out.add(many.build());
        return out;
    }

    static List<MemoryRecords> control() {
        List<MemoryRecords> out = new ArrayList<>();
        out.add(MemoryRecords.withEndTransactionMarker(0, TIME, 4, 4711, (short) 3,
            new EndTransactionMarker(ControlRecordType.COMMIT, 17)));
        out.add(MemoryRecords.withEndTransactionMarker(1, TIME, 4, 4711, (short) 4,
            new EndTransactionMarker(ControlRecordType.ABORT, 18)));
        out.add(MemoryRecords.withLeaderChangeMessage(2, TIME, 5, ByteBuffer.allocate(512),
            new LeaderChangeMessage().setLeaderId(1)
                .setVoters(List.of(new LeaderChangeMessage.Voter().setVoterId(1)))));
        out.add(MemoryRecords.withSnapshotHeaderRecord(3, TIME, 5, ByteBuffer.allocate(512),
            new SnapshotHeaderRecord().setLastContainedLogTimestamp(TIME - 1)));
        out.add(MemoryRecords.withKRaftVersionRecord(4, TIME, 5, ByteBuffer.allocate(512),
            new KRaftVersionRecord().setKRaftVersion((short) 1)));
        out.add(MemoryRecords.withVotersRecord(5, TIME, 5, ByteBuffer.allocate(512),
            new VotersRecord().setVoters(List.of(new VotersRecord.Voter().setVoterId(1)))));
        out.add(MemoryRecords.withSnapshotFooterRecord(6, TIME, 5, ByteBuffer.allocate(512),
            new SnapshotFooterRecord()));
        return out;
    }

    static MemoryRecordsBuilder builder(Compression compression, TimestampType type, long offset,
            long producer, int epoch, int sequence, boolean transactional, long deleteHorizon) {
        return new MemoryRecordsBuilder(new ByteBufferOutputStream(1 << 20), RecordBatch.MAGIC_VALUE_V2,
            compression, type, offset, TIME + 1_000_000, producer, (short) epoch, sequence,
            transactional, false, 9, 1 << 20, deleteHorizon);
    }

    static String print(ByteBuffer bytes) {
        StringBuilder out = new StringBuilder();
        for (RecordBatch any : MemoryRecords.readableRecords(bytes).batches()) {
            DefaultRecordBatch batch = (DefaultRecordBatch) any;
            out.append("batch %d..%d count %d epoch %d %s %s%s%s max %d producer %d/%d/%d..%d%s%s%n".formatted(
                batch.baseOffset(), batch.lastOffset(), batch.countOrNull(), batch.partitionLeaderEpoch(),
                batch.compressionType().name, batch.timestampType().name,
                batch.isTransactional() ? " transactional" : "", batch.isControlBatch() ? " control" : "",
                batch.maxTimestamp(), batch.producerId(), batch.producerEpoch(),
                batch.baseSequence(), batch.lastSequence(),
                batch.deleteHorizonMs().isPresent() ? " horizon " + batch.deleteHorizonMs().getAsLong() : "",
                batch.isValid() ? "" : " CORRUPT"));
            List<String> lines = new ArrayList<>();
            for (Record record : batch) {
                lines.add(line(record));
            }
            if (lines.size() <= RECORDS_PRINTED_MAX) {
                lines.forEach(line -> out.append(line).append('\n'));
            } else {
                int sum = 0;
                for (String line : lines) {
                    sum = 31 * sum + line.hashCode();
                }
                out.append("  %d records of sum %d%n".formatted(lines.size(), sum));
            }
        }
        return out.toString();
    }

    static String line(Record record) {
        StringBuilder out = new StringBuilder("  %d at %d %s=%s".formatted(
            record.offset(), record.timestamp(), hex(record.key()), hex(record.value())));
        for (Header header : record.headers()) {
            ByteBuffer value = header.value() == null ? null : ByteBuffer.wrap(header.value());
            out.append(' ').append(hex(ByteBuffer.wrap(bytes(header.key())))).append(':').append(hex(value));
        }
        return out.toString();
    }

    static String hex(ByteBuffer bytes) {
        if (bytes == null) {
            return "null";
        }
        byte[] copy = new byte[bytes.remaining()];
        bytes.duplicate().get(copy);
        return HexFormat.of().formatHex(copy);
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
