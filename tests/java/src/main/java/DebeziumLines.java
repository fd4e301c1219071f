import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.format.Json;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * The embedded engine as its documentation shows it, as quick as it is: JSON lines to a file.
 *
 * <p>For measuring; it ends at the stop mark, a table named zz_end. At its end it says how many
 * records it has written.
 *
 * <p>usage: DebeziumLines OUTPUT PROPERTY=VALUE...
 */
public final class DebeziumLines {
    private static final String STOP_MARK = ".zz_end";
    private static final int BUFFER_CHARS = 1 << 18;

    private final BufferedWriter output;
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile boolean failed;
    private long records;

    private DebeziumLines(Path path) throws IOException {
        output = new BufferedWriter(Files.newBufferedWriter(path), BUFFER_CHARS);
    }

    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        for (int i = 1; i < args.length; i++) {
            String[] pair = args[i].split("=", 2);
            properties.setProperty(pair[0], pair[1]);
        }
        System.exit(new DebeziumLines(Path.of(args[0])).run(properties) ? 0 : 1);
    }

    private boolean run(Properties properties) throws Exception {
        ExecutorService executor = Executors.newSingleThreadExecutor();
        CountDownLatch stopped = new CountDownLatch(1);
        try (DebeziumEngine<ChangeEvent<String, String>> engine =
                DebeziumEngine.create(Json.class)
                        .using(properties)
                        .notifying(this::writeBatch)
                        .using((success, message, error) -> {
                            failed |= !success;
                            if (!success) {
                                System.err.println("connector failed: " + message);
                            }
                            ended.countDown();
                        })
                        .build()) {
            // Waits for the engine's own end, so that offsets are stored before the JVM is gone.
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                ended.countDown();
                try {
                    stopped.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }));
            executor.execute(engine);
            ended.await();
        } catch (IllegalStateException e) {
            failed = true;
        }
        executor.shutdown();
        output.close();
        System.out.println("records: " + records);
        stopped.countDown();
        return !failed;
    }

    private void writeBatch(
            List<ChangeEvent<String, String>> batch,
            DebeziumEngine.RecordCommitter<ChangeEvent<String, String>> committer)
            throws InterruptedException {
        try {
            for (ChangeEvent<String, String> event : batch) {
                if (event.destination().endsWith(STOP_MARK)) {
                    output.flush();
                    ended.countDown();
                }
                output.write("{\"topic\":\"");
                output.write(event.destination());
                output.write("\",\"key\":");
                output.write(event.key() == null ? "null" : event.key());
                output.write(",\"value\":");
                output.write(event.value() == null ? "null" : event.value());
                output.write("}\n");
                records++;
                committer.markProcessed(event);
            }
            committer.markBatchFinished();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
