import com.github.shyiko.mysql.binlog.BinaryLogClient;
import com.github.shyiko.mysql.binlog.event.DeleteRowsEventData;
import com.github.shyiko.mysql.binlog.event.Event;
import com.github.shyiko.mysql.binlog.event.EventData;
import com.github.shyiko.mysql.binlog.event.TableMapEventData;
import com.github.shyiko.mysql.binlog.event.WriteRowsEventData;
import com.github.shyiko.mysql.binlog.event.XidEventData;
import com.github.shyiko.mysql.binlog.network.SSLMode;
import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * mysql-binlog-connector-java as a consumer: prints the first column of the journal's rows of each
 * whole transaction. HOST PORT USER PASSWORD FAMILY WAY FILE; WAY is file or gtid. When the connection breaks
 * it begins again behind the last whole transaction. Ends when a row of 0 is deleted.
 */
public final class JavaReplication {
    private final List<String> waiting = new ArrayList<>();
    private final Map<Long, String> tables = new HashMap<>();
    private final BinaryLogClient client;
    private String file;
    private long position = 4;
    private String gtids;
    private volatile boolean done;

    private JavaReplication(String[] args) {
        client = new BinaryLogClient(args[0], Integer.parseInt(args[1]), args[2], args[3]);
        client.setServerId(6500);
        client.setKeepAlive(false);
        client.setHeartbeatInterval(1000);
        client.setSSLMode(SSLMode.DISABLED);
        client.registerEventListener(this::take);
        file = args[6];
        gtids = args[5].equals("gtid") ? "" : null;
    }

    private static String first(Serializable[] row) {
        return String.valueOf(row[0]);
    }

    private boolean isJournal(long table) {
        return "journal".equals(tables.get(table));
    }

    private void take(Event event) {
        EventData data = event.getData();
        if (data instanceof TableMapEventData map) {
            tables.put(map.getTableId(), map.getTable());
        } else if (data instanceof WriteRowsEventData written && isJournal(written.getTableId())) {
            written.getRows().forEach(row -> waiting.add(first(row)));
        } else if (data instanceof DeleteRowsEventData deleted
                && isJournal(deleted.getTableId())) {
            if (deleted.getRows().stream().anyMatch(row -> first(row).equals("0"))) {
                done = true;
                end();
            }
        } else if (data instanceof XidEventData) {
            waiting.forEach(System.out::println);
            waiting.clear();
            file = client.getBinlogFilename();
            position = client.getBinlogPosition();
            gtids = client.getGtidSet();
        }
    }

    private void end() {
        try {
            client.disconnect();
        } catch (IOException ignored) {
            System.err.println("closed");
        }
    }

    private void run() throws InterruptedException {
        while (!done) {
            waiting.clear();
            if (gtids != null) {
                client.setGtidSet(gtids);
            } else {
                client.setBinlogFilename(file);
                client.setBinlogPosition(position);
            }
            try {
                client.connect();
            } catch (IOException | RuntimeException broken) {
                System.err.println("again: " + broken);
                Thread.sleep(100);
            }
        }
    }

    public static void main(String[] args) throws InterruptedException {
        new JavaReplication(args).run();
        System.out.flush();
        System.exit(0);
    }
}
