import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.zip.CRC32;

/**
 * What an application does through a driver, printed: the same text is wanted of any server.
 *
 * USER PASSWORD STATUS URL...: for each URL a line "== URL" and what came back; first all that only
 * reads, so that positions stay as they are. STATUS is the version's SHOW MASTER STATUS. The database g has the tables types, many (1000 rows) and written.
 */
public final class JdbcTalk {
    private interface Step {
        void run() throws SQLException;
    }

    private final Connection connection;
    private final String url;

    private JdbcTalk(Connection connection, String url) {
        this.connection = connection;
        this.url = url;
    }

    public static void main(String[] args) {
        for (String part : new String[] {"read", "write"}) {
            for (int i = 3; i < args.length; i++) {
                System.out.println("== " + args[i]);
                try (Connection connection = DriverManager.getConnection(args[i], args[0], args[1])) {
                    JdbcTalk talk = new JdbcTalk(connection, args[i]);
                    if (part.equals("read")) {
                        talk.read(args[2]);
                    } else {
                        talk.change();
                    }
                } catch (SQLException refusal) {
                    print(refusal);
                }
            }
        }
    }

    private static void print(SQLException refusal) {
        System.out.println("error " + refusal.getErrorCode() + " " + refusal.getSQLState() + " "
            + refusal.getMessage().replaceAll("\\(conn=\\d+\\) ", "").lines().findFirst().orElse(""));
    }

    private static void step(String name, Step step) {
        System.out.println("-- " + name);
        try {
            step.run();
        } catch (SQLException refusal) {
            print(refusal);
        }
    }

    private static void print(ResultSet rows) throws SQLException {
        ResultSetMetaData columns = rows.getMetaData();
        for (int i = 1; i <= columns.getColumnCount(); i++) {
            System.out.print(columns.getColumnLabel(i) + ":" + columns.getColumnTypeName(i) + ":"
                + columns.getPrecision(i) + ":" + columns.isNullable(i) + " ");
        }
        System.out.println();
        while (rows.next()) {
            for (int i = 1; i <= columns.getColumnCount(); i++) {
                System.out.print(rows.getString(i) + " | ");
            }
            System.out.println();
        }
    }

    private void ask(String sql) {
        step(sql, () -> {
            try (Statement statement = connection.createStatement()) {
                boolean result = statement.execute(sql);
                while (result || statement.getUpdateCount() >= 0) {
                    if (result) {
                        print(statement.getResultSet());
                    } else {
                        System.out.println("count " + statement.getUpdateCount());
                    }
                    result = statement.getMoreResults();
                }
            }
        });
    }

    private void prepared(String sql, Object... values) {
        step("prepared " + sql, () -> {
            try (PreparedStatement statement = connection.prepareStatement(sql)) {
                for (int run = 0; run < 2; run++) {
                    for (int i = 0; i < values.length; i++) {
                        statement.setObject(i + 1, values[i]);
                    }
                    if (statement.execute()) {
                        print(statement.getResultSet());
                    } else {
                        System.out.println("count " + statement.getUpdateCount());
                    }
                }
            }
        });
    }

    private void read(String status) {
        step("metadata", this::metadata);
        for (String sql : new String[] {"SELECT * FROM g.types", "SELECT @@version, @@log_bin", status,
            "SHOW BINARY LOGS", "SHOW VARIABLES LIKE 'binlog_format'", "SHOW BINLOG EVENTS LIMIT 2",
            "SELEC 1", "SELECT * FROM g.nothing", status + "; SELECT 1; SHOW BINARY LOGS; SELECT COUNT(*) FROM g.many"}) {
            ask(sql);
        }
        prepared("SELECT * FROM g.types WHERE id = ?", 1);
        prepared("SELECT ? + 1, CONCAT(?, 'x')", 41, "y");
        prepared(status);
        prepared("SHOW BINARY LOGS");
        prepared("SHOW BINLOG EVENTS LIMIT ?", 2);
        prepared("SELECT @@binlog_checksum AS c");
        prepared("SHOW VARIABLES LIKE 'log_bin'");
        prepared("SELECT 1 FROM g.many WHERE id = ? AND v = ?", 1, "none");
        step("stream", this::stream);
        if (!url.contains("useCursorFetch")) { // where it leaves the driver confused, at any server
            step("cancel", this::cancel);
        }
        ask("SELECT COUNT(*) FROM g.many");
        step("valid", () -> System.out.println(connection.isValid(10)));
    }

    private void change() {
        step("transaction", this::transaction);
        step("write", this::write);
    }

    private void metadata() throws SQLException {
        DatabaseMetaData all = connection.getMetaData();
        System.out.println(all.getDatabaseProductName() + " " + all.getDatabaseProductVersion() + " "
            + all.getMaxConnections() + " " + connection.getTransactionIsolation() + " "
            + connection.isReadOnly() + " " + connection.getCatalog());
        print(all.getCatalogs());
        print(all.getTables("g", null, "%", null));
        print(all.getColumns("g", null, "types", "%"));
        print(all.getPrimaryKeys("g", null, "types"));
        print(all.getIndexInfo("g", null, "types", false, false));
        connection.setCatalog("g");
        ask("SELECT DATABASE(), COUNT(*) FROM many");
    }

    /** Row by row, not held in memory by the driver. */
    private void stream() throws SQLException {
        CRC32 sum = new CRC32();
        long count = 0;
        try (Statement statement = connection.createStatement(ResultSet.TYPE_FORWARD_ONLY,
                ResultSet.CONCUR_READ_ONLY)) {
            statement.setFetchSize(url.startsWith("jdbc:mariadb:") ? 100 : Integer.MIN_VALUE);
            try (ResultSet rows = statement.executeQuery("SELECT a.id, a.v FROM g.many a, g.many b"
                    + " WHERE b.id <= 100 ORDER BY b.id, a.id")) {
                while (rows.next()) {
                    count++;
                    sum.update((rows.getInt(1) + rows.getString(2)).getBytes(StandardCharsets.UTF_8));
                }
            }
        }
        System.out.println(count + " rows, checksum " + sum.getValue());
    }

    private void transaction() throws SQLException {
        connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
        connection.setAutoCommit(false);
        ask("INSERT INTO g.written VALUES (900, 'gone')");
        Savepoint savepoint = connection.setSavepoint("s");
        ask("INSERT INTO g.written VALUES (901, 'gone')");
        connection.rollback(savepoint);
        ask("SELECT COUNT(*) FROM g.written");
        connection.rollback();
        connection.setAutoCommit(true);
        ask("SELECT COUNT(*), @@autocommit FROM g.written");
        connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
    }

    private void write() throws SQLException {
        try (PreparedStatement statement =
                connection.prepareStatement("INSERT INTO g.written VALUES (?, ?)")) {
            for (int i = 0; i < 20; i++) {
                statement.setInt(1, i);
                statement.setString(2, "v'\"\\" + i);
                statement.addBatch();
            }
            System.out.println(statement.executeBatch().length);
        }
        ask("SELECT COUNT(*), SUM(LENGTH(v)) FROM g.written");
        ask("DELETE FROM g.written");
    }

    private void cancel() throws SQLException {
        try (Statement statement = connection.createStatement()) {
            Thread canceller = new Thread(() -> {
                try {
                    Thread.sleep(300);
                    statement.cancel();
                } catch (InterruptedException | SQLException failure) {
                    System.out.println("cancel: " + failure);
                }
            });
            canceller.start();
            try {
                ResultSet rows = statement.executeQuery(
                    "SELECT COUNT(*) FROM g.many a, g.many b, g.many c, g.many d, g.many e");
                System.out.println("not cancelled");
                print(rows);
            } catch (SQLException refusal) {
                System.out.println("cancelled " + refusal.getClass().getSimpleName());
            }
            try {
                canceller.join();
            } catch (InterruptedException impossible) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
