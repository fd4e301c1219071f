#include "publisher/foreign.h"
#include <stddef.h>
#include <string.h>

/* clang-format off */
static const struct foreign foreigners[] = {
    { "name", FOREIGN_NEEDLESS, "the publisher's name is its section's" },
    { "connector.class", FOREIGN_NEEDLESS, "a publisher serves MySQL and MariaDB" },
    { "tasks.max", FOREIGN_NEEDLESS, "a publisher is one thread" },
    { "database.hostname", FOREIGN_ELSEWHERE, "host in [source NAME]" },
    { "database.port", FOREIGN_ELSEWHERE, "port in [source NAME]" },
    { "database.user", FOREIGN_ELSEWHERE, "user in [source NAME]" },
    { "database.password", FOREIGN_ELSEWHERE, "password or password_file in [source NAME]" },
    { "database.server.id", FOREIGN_ELSEWHERE, "server_id in [source NAME], a number of its own" },
    { "database.server.id.offset", FOREIGN_NEEDLESS, "the relay is one replica" },
    { "database.ssl.*", FOREIGN_ELSEWHERE, "tls, tls_ca, tls_cert and tls_key in [source NAME]" },
    { "database.jdbc.*", FOREIGN_NEEDLESS, "there is no JDBC" },
    { "database.protocol", FOREIGN_NEEDLESS, "there is no JDBC" },
    { "database.query.timeout.ms", FOREIGN_ELSEWHERE, "read_timeout in [source NAME]" },
    { "database.initial.statements", FOREIGN_REFUSED, "asks the source nothing at login" },
    { "driver.*", FOREIGN_NEEDLESS, "there is no JDBC" },
    { "connect.keep.alive", FOREIGN_NEEDLESS, "the relay reconnects by itself" },
    { "connect.keep.alive.interval.ms", FOREIGN_ELSEWHERE, "heartbeat in [source NAME]" },
    { "connect.timeout.ms", FOREIGN_ELSEWHERE, "connect_timeout in [source NAME]" },
    { "use.nongraceful.disconnect", FOREIGN_NEEDLESS, "the relay reconnects by itself" },
    { "gtid.source.*", FOREIGN_ALTERING, "takes all transactions of the source" },
    { "gtid.ignore.on.recovery", FOREIGN_NEEDLESS, "a publisher goes on from its checkpoint" },
    { "snapshot.*", FOREIGN_NEEDLESS, "is about how Debezium reads snapshots" },
    { "incremental.snapshot.*", FOREIGN_NEEDLESS, "is about how Debezium reads snapshots" },
    { "min.row.count.to.stream.results", FOREIGN_NEEDLESS, "is about how Debezium reads snapshots" },
    { "read.only", FOREIGN_NEEDLESS, "a publisher writes nothing to the source" },
    { "signal.*", FOREIGN_REFUSED, "takes no signals; rows of its table are published like others" },
    { "notification.*", FOREIGN_REFUSED, "sends no notifications" },
    { "heartbeat.action.query", FOREIGN_REFUSED, "runs no statements at the source" },
    { "schema.history.internal.skip.unparseable.ddl", FOREIGN_NEEDLESS,
      "no statement stops a publisher" },
    { "schema.history.internal*", FOREIGN_NEEDLESS, "the relay's catalog keeps the definitions" },
    { "database.history*", FOREIGN_NEEDLESS, "the relay's catalog keeps the definitions" },
    { "include.unknown.datatypes", FOREIGN_NEEDLESS, "every column type is known" },
    { "inconsistent.schema.handling.mode", FOREIGN_NEEDLESS,
      "a table's definition is asked for anew when it does not fit" },
    { "event.deserialization.failure.handling.mode", FOREIGN_REFUSED,
      "stops with its position in the message, as fail does" },
    { "max.batch.size", FOREIGN_NEEDLESS, "reads as fast as the sink takes" },
    { "max.queue.size*", FOREIGN_NEEDLESS, "reads as fast as the sink takes" },
    { "poll.interval.ms", FOREIGN_NEEDLESS, "nothing polls" },
    { "binlog.buffer.size", FOREIGN_NEEDLESS, "only complete transactions are read" },
    { "retriable.restart.connector.wait.ms", FOREIGN_NEEDLESS, "nothing has to be restarted" },
    { "errors.*", FOREIGN_NEEDLESS, "is Kafka Connect's own" },
    { "custom.metric.tags", FOREIGN_NEEDLESS, "is about JMX" },
    { "internal.*", FOREIGN_NEEDLESS, "is the connector's own affair" },
    { "converters", FOREIGN_ALTERING, "loads no classes" },
    { "transforms*", FOREIGN_ALTERING, "has no transforms" },
    { "predicates*", FOREIGN_ALTERING, "has no transforms" },
    { "post.processors*", FOREIGN_ALTERING, "loads no classes" },
    { "topic.regex*", FOREIGN_ALTERING, "names topics as Debezium's default does" },
    { "topic.replacement", FOREIGN_ALTERING, "names topics as Debezium's default does" },
    { "table.ignore.builtin", FOREIGN_ALTERING, "never publishes the system's own tables" },
    { "topic.naming.strategy", FOREIGN_ALTERING, "names topics as Debezium's default does" },
    { "topic.creation.*", FOREIGN_REFUSED, "has topic.creation.enable and topic.creation.default.* with sink = kafka" },
    { "topic.cache.size", FOREIGN_NEEDLESS, "a table's name is made once" },
    { "sourceinfo.struct.maker", FOREIGN_ALTERING, "loads no classes" },
    { "transaction.metadata.factory", FOREIGN_ALTERING, "loads no classes" },
    { "transaction.boundary.interval.ms", FOREIGN_NEEDLESS, "transactions end where they end" },
    { "key.converter", FOREIGN_ALTERING, "writes JSON or Avro" },
    { "value.converter", FOREIGN_ALTERING, "writes JSON or Avro" },
    { "key.converter.enhanced.avro.schema.support", FOREIGN_NEEDLESS,
      "makes no difference to Debezium's schemas" },
    { "value.converter.enhanced.avro.schema.support", FOREIGN_NEEDLESS,
      "makes no difference to Debezium's schemas" },
    { "key.converter.*", FOREIGN_ALTERING, "has no such setting of its JSON or Avro" },
    { "value.converter.*", FOREIGN_ALTERING, "has no such setting of its JSON or Avro" },
    { "header.converter*", FOREIGN_ALTERING, "writes headers as SimpleHeaderConverter does" },
    { "config.action.reload", FOREIGN_NEEDLESS, "is Kafka Connect's own" },
    { "exactly.once.support", FOREIGN_NEEDLESS, "every event is written once" },
    { "transaction.boundary", FOREIGN_NEEDLESS, "is Kafka Connect's own" },
    { "offsets.storage.topic", FOREIGN_NEEDLESS, "the relay's catalog keeps the checkpoint" },
    { "offset.*", FOREIGN_NEEDLESS, "the relay's catalog keeps the checkpoint" },
    { "producer.override.*", FOREIGN_REFUSED, "takes kafka.NAME = VALUE of librdkafka" },
    { "openlineage.*", FOREIGN_REFUSED, "tells nobody of its tables" },
    { "executor.shutdown.timeout.ms", FOREIGN_NEEDLESS, "a publisher is one thread" },
    { "guardrail.*", FOREIGN_NEEDLESS, "the number of tables has no limit" },
};
/* clang-format on */

static int matches(const char *pattern, const char *name)
{
    size_t n = strlen(pattern);

    if (pattern[n - 1] == '*')
        return strncmp(pattern, name, n - 1) == 0;
    return strcmp(pattern, name) == 0;
}

const struct foreign *foreign_find(const char *name)
{
    for (size_t i = 0; i < sizeof foreigners / sizeof *foreigners; i++)
        if (matches(foreigners[i].name, name))
            return &foreigners[i];
    return NULL;
}

bool foreign_is_usual(const char *name, const char *value)
{
    static const char *const usual[][2] = {
        { "snapshot.mode", "no_data" },
        { "snapshot.mode", "never" },
        { "snapshot.mode", "schema_only" },
        { "event.deserialization.failure.handling.mode", "fail" },
        { "table.ignore.builtin", "true" },
        { "key.converter", "org.apache.kafka.connect.json.JsonConverter" },
        { "value.converter", "org.apache.kafka.connect.json.JsonConverter" },
        { "header.converter", "org.apache.kafka.connect.storage.SimpleHeaderConverter" },
        { "topic.naming.strategy", "io.debezium.schema.DefaultTopicNamingStrategy" },
        { "topic.naming.strategy", "io.debezium.schema.SchemaTopicNamingStrategy" },
    };

    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (strcmp(usual[i][0], name) == 0 && strcmp(usual[i][1], value) == 0)
            return true;
    return strncmp(name, "signal.", 7) == 0 && *value == '\0';
}
