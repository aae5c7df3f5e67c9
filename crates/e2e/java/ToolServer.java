import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.Permission;
import java.security.Policy;
import java.security.ProtectionDomain;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs many of Apache Kafka's tools in one JVM, because each start of a JVM costs a second of CPU.
 *
 * It connects to the port of its argument. A request is a count and as many strings: standard
 * input, main class, arguments. An answer is the exit code, standard output, standard error. A
 * string is its length in bytes and UTF-8. The JVM's own streams carry none of this: a tool or the
 * JVM itself may write to them.
 */
public class ToolServer {
    private static final long HOOK_MS_MAX = 5_000;

    /** What one stream of one run of a tool has got. Later writers write to their own run's. */
    private static final class Sink {
        private final ByteArrayOutputStream octets = new ByteArrayOutputStream();
        private boolean shut;

        synchronized void write(byte[] from, int start, int length) {
            if (!shut) {
                octets.write(from, start, length);
            }
        }

        synchronized byte[] take() {
            shut = true;
            return octets.toByteArray();
        }
    }

    /** One run of a tool: its streams, how it ended, and what it wants done at the end. */
    private static final class Run {
        final Sink out = new Sink();
        final Sink err = new Sink();
        final CompletableFuture<Integer> code = new CompletableFuture<>();
        final List<Runnable> hooks = new ArrayList<>();
        volatile Thread exiting;

        /** The first exit counts: a tool's own handlers may catch what ends it and exit again. */
        void exit(int status) {
            exiting = Thread.currentThread();
            code.complete(status);
            throw new Exited();
        }

        /** After its exit a thread prints nothing, but hooks and the threads that they wait for do. */
        boolean listensTo(Thread writer) {
            return writer != exiting;
        }

        void runHooks() throws InterruptedException, ReflectiveOperationException {
            List<Thread> threads = hooksOfJvm();
            hooks.forEach(hook -> threads.add(new Thread(hook)));
            for (Thread thread : threads) {
                thread.start();
            }
            for (Thread thread : threads) {
                thread.join(HOOK_MS_MAX);
            }
        }

        /** Takes those that the tool has left with the JVM, which does not end with it here. */
        @SuppressWarnings("unchecked")
        private static List<Thread> hooksOfJvm() throws ReflectiveOperationException {
            Field field = Class.forName("java.lang.ApplicationShutdownHooks").getDeclaredField("hooks");
            field.setAccessible(true);
            Map<Thread, Thread> left = (Map<Thread, Thread>) field.get(null);
            List<Thread> own = new ArrayList<>(left.keySet());
            own.removeIf(hook -> !hook.getName().endsWith("shutdown-hook"));
            left.keySet().removeAll(own);
            return own;
        }
    }

    private static final class Exited extends Error {
        Exited() {
            super(null, null, false, false);
        }
    }

    /** Some tools end the JVM themselves. Where Java has no security managers any more, they do. */
    @SuppressWarnings("removal")
    private static final class ExitCatcher extends SecurityManager {
        @Override
        public void checkExit(int code) {
            Run run = OWN.get();
            if (run != null) {
                run.exit(code);
            }
        }

        @Override
        public void checkPermission(Permission permission) {
        }
    }

    private static volatile Run current = new Run();
    /** The run that a thread belongs to: one that a tool leaves behind cannot end the next one. */
    private static final InheritableThreadLocal<Run> OWN = new InheritableThreadLocal<>();

    /** What tools get as standard output or error: it leads to the run that is on. */
    private static final class Switched extends OutputStream {
        private final boolean isError;

        Switched(boolean isError) {
            this.isError = isError;
        }

        @Override
        public void write(int octet) {
            write(new byte[] {(byte) octet}, 0, 1);
        }

        @Override
        public void write(byte[] octets, int start, int length) {
            Run run = OWN.get() == null ? current : OWN.get();
            if (run.listensTo(Thread.currentThread())) {
                (isError ? run.err : run.out).write(octets, start, length);
            }
        }
    }

    @SuppressWarnings("removal")
    public static void main(String[] args) throws Exception {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), Integer.parseInt(args[0]));
        DataInputStream requests = new DataInputStream(socket.getInputStream());
        try {
            Policy.setPolicy(new Policy() {
                @Override
                public boolean implies(ProtectionDomain domain, Permission permission) {
                    return true;
                }
            });
            System.setSecurityManager(new ExitCatcher());
        } catch (UnsupportedOperationException e) {
            // the caller starts another JVM for each that ends
        }
        Exit.setShutdownHookAdder((name, hook) -> current.hooks.add(hook));
        Exit.Procedure procedure = (code, message) -> OWN.get().exit(code);
        Exit.setExitProcedure(procedure);
        Exit.setHaltProcedure(procedure);
        while (true) {
            int count;
            try {
                count = requests.readInt();
            } catch (EOFException end) {
                System.exit(0);
                return;
            }
            byte[] input = read(requests);
            String tool = new String(read(requests), StandardCharsets.UTF_8);
            String[] arguments = new String[count - 2];
            for (int i = 0; i < arguments.length; i++) {
                arguments[i] = new String(read(requests), StandardCharsets.UTF_8);
            }
            int code = run(tool, arguments, input);
            ByteArrayOutputStream answer = new ByteArrayOutputStream();
            DataOutputStream fields = new DataOutputStream(answer);
            fields.writeInt(code);
            write(fields, current.out.take());
            write(fields, current.err.take());
            answer.writeTo(socket.getOutputStream());
        }
    }

    /** Streams, thread and interrupts of a tool are its own: nothing is left to the next one. */
    private static int run(String tool, String[] arguments, byte[] input) throws Exception {
        Run run = new Run();
        current = run;
        System.setIn(new ByteArrayInputStream(input));
        System.setOut(new PrintStream(new Switched(false), true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(new Switched(true), true, StandardCharsets.UTF_8));
        Thread main = new Thread(() -> callMain(run, tool, arguments), tool);
        main.setDaemon(true);
        main.start();
        int code = run.code.join();
        run.runHooks();
        System.out.flush();
        System.err.flush();
        return code;
    }

    private static void callMain(Run run, String tool, String[] arguments) {
        OWN.set(run);
        int code = 0;
        try {
            Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (InvocationTargetException thrown) {
            if (!(thrown.getCause() instanceof Exited)) {
                thrown.getCause().printStackTrace();
                code = 1;
            }
        } catch (ReflectiveOperationException missing) {
            missing.printStackTrace();
            code = 127;
        }
        run.code.complete(code);
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
