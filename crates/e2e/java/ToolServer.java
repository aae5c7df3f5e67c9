import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs many of Apache Kafka's tools in one JVM, because each start of a JVM costs a second of CPU.
 *
 * A request is a count and as many strings: standard input, main class, arguments. An answer is the
 * exit code, standard output, standard error. A string is its length in bytes and UTF-8.
 */
public class ToolServer {
    /** Set once, before a tool can keep the stream; what it writes to changes with each run. */
    private static final class Switched extends OutputStream {
        private ByteArrayOutputStream sink = new ByteArrayOutputStream();
        private boolean closed;

        @Override
        public synchronized void write(int octet) {
            if (!closed) {
                sink.write(octet);
            }
        }

        @Override
        public synchronized void write(byte[] octets, int start, int length) {
            if (!closed) {
                sink.write(octets, start, length);
            }
        }

        /** What a tool's handlers print after its exit was never printed. */
        synchronized void shut(boolean closed) {
            this.closed = closed;
        }

        synchronized byte[] take() {
            byte[] taken = sink.toByteArray();
            sink = new ByteArrayOutputStream();
            return taken;
        }
    }

    private static final class Exited extends Error {
        private final int code;

        Exited(int code) {
            super(null, null, false, false);
            this.code = code;
        }
    }

    public static void main(String[] args) throws IOException {
        DataInputStream requests = new DataInputStream(System.in);
        DataOutputStream answers = new DataOutputStream(System.out);
        Switched out = new Switched();
        Switched err = new Switched();
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
        Exit.setShutdownHookAdder((name, hook) -> { });
        while (true) {
            int count;
            try {
                count = requests.readInt();
            } catch (EOFException end) {
                System.exit(0);
                return;
            }
            System.setIn(new ByteArrayInputStream(read(requests)));
            String tool = new String(read(requests), StandardCharsets.UTF_8);
            String[] arguments = new String[count - 2];
            for (int i = 0; i < arguments.length; i++) {
                arguments[i] = new String(read(requests), StandardCharsets.UTF_8);
            }
            Runnable onExit = () -> {
                System.out.flush();
                System.err.flush();
                out.shut(true);
                err.shut(true);
            };
            answers.writeInt(run(tool, arguments, onExit));
            onExit.run();
            out.shut(false);
            err.shut(false);
            write(answers, out.take());
            write(answers, err.take());
            answers.flush();
        }
    }

    /** The first exit counts: a tool's own handlers may catch what ends it and exit again. */
    private static int run(String tool, String[] arguments, Runnable onExit) {
        Integer[] first = {null};
        Exit.Procedure procedure = (code, message) -> {
            if (first[0] == null) {
                first[0] = code;
                onExit.run();
            }
            throw new Exited(code);
        };
        Exit.setExitProcedure(procedure);
        Exit.setHaltProcedure(procedure);
        try {
            Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (InvocationTargetException thrown) {
            if (!(thrown.getCause() instanceof Exited)) {
                thrown.getCause().printStackTrace();
                return first[0] == null ? 1 : first[0];
            }
        } catch (ReflectiveOperationException missing) {
            missing.printStackTrace();
            return 127;
        }
        return first[0] == null ? 0 : first[0];
    }

    private static byte[] read(DataInputStream from) throws IOException {
        byte[] octets = new byte[from.readInt()];
        from.readFully(octets);
        return octets;
    }

    private static void write(DataOutputStream to, byte[] octets) throws IOException {
        to.writeInt(octets.length);
        to.write(octets);
    }
}
