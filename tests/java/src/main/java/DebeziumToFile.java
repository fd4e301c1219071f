import io.debezium.embedded.Connect;
import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.storage.SimpleHeaderConverter;

/**
 * Runs one Debezium connector and writes its records to a file, one JSON object a line.
 *
 * <p>Key, value and headers are the bytes of Kafka Connect's own converters: number forms, escapes
 * and the order of fields are part of what is compared. It ends by itself at the stop mark, a record
 * about a table named zz_end (which is not written), or in order at SIGTERM.
 *
 * <p>The property schemas.enable is for the converters, as all others are for the connector.
 *
 * <p>usage: DebeziumToFile OUTPUT PROPERTY=VALUE...
 */
public final class DebeziumToFile {
    private static final String STOP_MARK = "zz_end";

    private final BufferedWriter output;
    private final JsonConverter keys;
    private final JsonConverter values;
    private final JsonConverter texts = converter(false, "false");
    private final SimpleHeaderConverter headers = new SimpleHeaderConverter();
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile boolean failed;

    private DebeziumToFile(Path path, Properties properties) throws IOException {
        output = Files.newBufferedWriter(path);
        String withSchemas = properties.getProperty("schemas.enable", "false");
        keys = converter(true, withSchemas);
        values = converter(false, withSchemas);
    }

    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        for (int i = 1; i < args.length; i++) {
            String[] pair = args[i].split("=", 2);
            properties.setProperty(pair[0], pair[1]);
        }
        System.exit(new DebeziumToFile(Path.of(args[0]), properties).run(properties) ? 0 : 1);
    }

    private boolean run(Properties properties) throws Exception {
        ExecutorService executor = Executors.newSingleThreadExecutor();
        CountDownLatch stopped = new CountDownLatch(1);
        try (DebeziumEngine<ChangeEvent<SourceRecord, SourceRecord>> engine =
                DebeziumEngine.create(Connect.class)
                        .using(properties)
                        .notifying(this::writeBatch)
                        .using(this::complete)
                        .build()) {
            // Waits for the engine's own end, so that offsets are stored before the JVM is gone.
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                ended.countDown();
                await(stopped);
            }));
            executor.execute(engine);
            ended.await();
        } catch (IllegalStateException e) {
            // It has failed, said so (see complete) and shut down by itself.
            failed = true;
        }
        executor.shutdown();
        output.close();
        stopped.countDown();
        return !failed;
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void complete(boolean success, String message, Throwable error) {
        if (!success) {
            failed = true;
            System.err.println("connector failed: " + message);
            if (error != null) {
                error.printStackTrace();
            }
        }
        ended.countDown();
    }

    private void writeBatch(
            List<ChangeEvent<SourceRecord, SourceRecord>> batch,
            DebeziumEngine.RecordCommitter<ChangeEvent<SourceRecord, SourceRecord>> committer)
            throws InterruptedException {
        try {
            for (ChangeEvent<SourceRecord, SourceRecord> event : batch) {
                if (ended.getCount() > 0) {
                    writeRecord(event.value());
                }
                committer.markProcessed(event);
            }
            committer.markBatchFinished();
            output.flush();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private void writeRecord(SourceRecord record) throws IOException {
        if (isAbout(record, STOP_MARK)) {
            if (record.topic().endsWith("." + STOP_MARK)) {
                ended.countDown();
            }
            return;
        }
        output.write("{\"topic\":" + quoted(record.topic())
                + ",\"partition\":" + record.kafkaPartition()
                + ",\"key\":" + json(keys, record, record.keySchema(), record.key())
                + ",\"value\":" + json(values, record, record.valueSchema(), record.value())
                + ",\"headers\":[");
        String separator = "";
        for (Header header : record.headers()) {
            byte[] simple = headers.fromConnectHeader(
                    record.topic(), header.key(), header.schema(), header.value());
            output.write(separator + "{\"name\":" + quoted(header.key())
                    + ",\"json\":" + json(values, record, header.schema(), header.value())
                    + ",\"simple\":" + (simple == null ? "null" : quoted(text(simple))) + "}");
            separator = ",";
        }
        output.write("]}\n");
    }

    private static boolean isAbout(SourceRecord record, String table) {
        if (!(record.value() instanceof Struct value) || value.schema().field("source") == null) {
            // A tombstone tells by its topic alone.
            return record.topic().endsWith("." + table);
        }
        Struct source = value.getStruct("source");
        return source.schema().field("table") != null && table.equals(source.getString("table"));
    }

    private static String json(
            JsonConverter converter, SourceRecord record, Schema schema, Object data) {
        byte[] bytes = converter.fromConnectData(record.topic(), schema, data);
        return bytes == null ? "null" : text(bytes);
    }

    private String quoted(String plain) {
        return text(texts.fromConnectData("", Schema.STRING_SCHEMA, plain));
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private static JsonConverter converter(boolean isKey, String withSchemas) {
        JsonConverter converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", withSchemas), isKey);
        return converter;
    }
}
