-- What consumers ask, one statement a line. Answered by the relay exactly as by its source: columns with their
-- types, flags, lengths and charsets, rows, warnings, errors.
-- same
SET NAMES utf8
SET NAMES utf8mb4
SET @master_heartbeat_period= 1000000000
SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = 'NONE'
SELECT @master_binlog_checksum
SELECT @source_binlog_checksum, @master_heartbeat_period
SELECT @never_set
SELECT @@GLOBAL.GTID_MODE
SELECT @@global.gtid_executed
SELECT @@global.gtid_purged
SELECT @@GLOBAL.gtid_domain_id
SELECT @@global.gtid_binlog_pos
SELECT @@gtid_binlog_state
SELECT @@gtid_current_pos
SELECT binlog_gtid_pos('binlog.000001',%(middle)s)
SELECT binlog_gtid_pos('',4)
SELECT binlog_gtid_pos('no such file',4)
SELECT VERSION()
SELECT version() AS v, 1 one
SELECT @@version
SELECT @@version_comment limit 1
SELECT @@binlog_format AS f, @@log_bin
SELECT @@binlog_row_image
SELECT @@binlog_row_metadata
SELECT @@global.binlog_checksum
SELECT 1
SELECT -1
SELECT 1.5
SELECT 'a', "b"
SELECT ''
SELECT NULL
SELECT 12345678901234567890
SELECT 1 FROM DUAL
SELECT DATABASE()
SELECT SCHEMA()
SELECT @@autocommit
SELECT @@interactive_timeout, @@wait_timeout
SELECT @@lower_case_table_names
/* mysql-connector-j-9.1.0 (Revision: 1) */SELECT  @@session.auto_increment_increment AS auto_increment_increment, @@character_set_client AS character_set_client, @@character_set_connection AS character_set_connection, @@character_set_results AS character_set_results, @@character_set_server AS character_set_server, @@collation_server AS collation_server, @@collation_connection AS collation_connection, @@init_connect AS init_connect, @@interactive_timeout AS interactive_timeout, @@license AS license, @@lower_case_table_names AS lower_case_table_names, @@max_allowed_packet AS max_allowed_packet, @@net_write_timeout AS net_write_timeout, @@performance_schema AS performance_schema, @@sql_mode AS sql_mode, @@system_time_zone AS system_time_zone, @@time_zone AS time_zone, @@wait_timeout AS wait_timeout
SELECT @@max_connections, @@long_query_time, @@local_infile, @@tmpdir
SHOW VARIABLES WHERE Variable_name IN ('character_set_server','collation_server')
SHOW VARIABLES WHERE Variable_name = 'sql_mode'
SHOW GLOBAL VARIABLES LIKE 'max%'
SHOW MASTER STATUS
SHOW BINARY LOG STATUS
SHOW BINLOG STATUS
SHOW BINARY LOGS
SHOW MASTER LOGS
SHOW GLOBAL VARIABLES LIKE 'BINLOG_CHECKSUM'
SHOW GLOBAL VARIABLES LIKE 'GTID_MODE'
SHOW GLOBAL VARIABLES LIKE 'GTID_BINLOG_POS'
SHOW VARIABLES LIKE 'BINLOG_ROW_METADATA'
SHOW VARIABLES LIKE 'no such variable'
SHOW VARIABLES WHERE Variable_name IN ('binlog_format', 'version') OR Variable_name = 'log_bin'
SHOW BINLOG EVENTS
SHOW BINLOG EVENTS IN 'binlog.000001' FROM %(middle)s LIMIT 1, 2
SHOW BINLOG EVENTS IN 'no such file'
SHOW BINLOG EVENTS FROM 5
SHOW BINLOG EVENTS LIMIT 0
SHOW BINLOG EVENTS LIMIT 2 OFFSET 1
SHOW BINLOG EVENTS IN 'binlog.000001' FROM 999999
SHOW RELAYLOG EVENTS
SHOW WARNINGS
SHOW ERRORS
SELECT GTID_SUBTRACT('f718ee6f-e587-11f1-ae02-02fc00000001:1-9', 'f718ee6f-e587-11f1-ae02-02fc00000001:1-4')
SELECT GTID_SUBTRACT('', '')
SELECT GTID_SUBSET(NULL, '')
SELECT WAIT_FOR_EXECUTED_GTID_SET('', 1)
SELECT WAIT_FOR_EXECUTED_GTID_SET('f718ee6f-e587-11f1-ae02-02fc00000001:1', 1) AS late
SELECT WAIT_FOR_EXECUTED_GTID_SET('', -1)
SELECT WAIT_FOR_EXECUTED_GTID_SET(NULL)
SELECT WAIT_FOR_EXECUTED_GTID_SET()
SELECT MASTER_GTID_WAIT('') AS w
SELECT MASTER_GTID_WAIT('9-1-100', 0.1) AS late
SELECT MASTER_GTID_WAIT('9-', 0.1)
SELECT MASTER_GTID_WAIT(NULL, 0.1)
SELECT MASTER_POS_WAIT('no such file', 4, 1)
SELECT SOURCE_POS_WAIT('no such file', 4, 1)
SELECT MASTER_POS_WAIT('binlog.000001')
/* only a comment */
# nothing else
;
SELECT GTID_SUBSET('f718ee6f-e587-11f1-ae02-02fc00000001:1-4', '') AS s
SET autocommit=2
SET autocommit=0
SELECT @@autocommit
SET NAMES utf8
SHOW WARNINGS
SELECT 'a', @@version
SET NAMES latin1
SELECT 'a', @@version, VERSION()
SET NAMES utf8mb4 COLLATE utf8mb4_bin
SELECT 'a'
SET NAMES utf8mb4
SET net_write_timeout=600
SELECT @@net_write_timeout
SET group_concat_max_len=2048
SELECT @@group_concat_max_len
SELECT @@tx_isolation
SHOW WARNINGS
SHOW VARIABLES LIKE 'net_write_timeout'
KILL 999999
COMMIT
SELECT
SELECT 'open
SELECT no_such_function()
SELECT @@no_such_variable
SET @a = 1, @b = @@no_such_variable
SELECT @a
-- shape: the values are the relay's own, or the clock's
SELECT UNIX_TIMESTAMP()
SELECT NOW()
SELECT NOW(3)
SELECT CURRENT_TIMESTAMP
SELECT SYSDATE()
SELECT UTC_TIMESTAMP()
SELECT CONNECTION_ID()
SELECT CURRENT_USER()
SELECT USER(), DATABASE()
SELECT @@GLOBAL.SERVER_ID
SELECT @@read_only
SELECT @@pseudo_thread_id
SHOW VARIABLES LIKE 'SERVER_ID'
SHOW VARIABLES LIKE 'SERVER_UUID'
-- names: the rows are the relay's own; servers of one family differ in the lengths of columns
SHOW REPLICA STATUS
SHOW SLAVE STATUS
SHOW ALL SLAVES STATUS
SHOW ALL REPLICAS STATUS
SHOW REPLICAS
SHOW SLAVE HOSTS
SHOW REPLICA HOSTS
SHOW PROCESSLIST
SHOW FULL PROCESSLIST
SHOW STATUS LIKE 'Uptime'
SHOW GLOBAL STATUS LIKE 'uptime'
SHOW SESSION STATUS LIKE 'Ssl_version'
