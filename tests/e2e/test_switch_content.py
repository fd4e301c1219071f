"""Without GTIDs the place is found by what transactions contain, or said to be unclear; never guessed."""

from lib import wait
from lib.counted import DB
from lib.errors import Failure
from lib.marks import each, limit
from lib.switching import Stage, also, promote, reset_binlogs

EQUAL = 1000
LEAST_BYTES = 150  # of a transaction of one small row
FORMS = {"STATEMENT": ("mysql57-off", *also("mysql97-off", "mariadb10-loose")),
         "MIXED": ("mariadb10-loose", *also("mysql97-off", "mysql57-off"))}
FEW = ("file", "publisher")


@each("mysql57-off", *also("mysql97-off", "mariadb10-loose"))
@limit(300)
def test_equal_transactions_at_the_join(scene, pair):
    """The same row a thousand times in a second: the relay has some of them, consumers get the rest."""
    stage = Stage(scene, pair, consumers=FEW, slow_way=True)
    with stage.load as load:
        load.wait_more(20)
        with load.paused():
            stage.way.hold_after(EQUAL * LEAST_BYTES // 2)
            with stage.primary.connect() as client, client.cursor() as cursor:
                for _ in range(EQUAL):
                    cursor.execute(f"INSERT INTO {DB}.same VALUES (1)")
            stage.servers["b"].wait_for(stage.primary)
            wait.until(lambda: stage.way.holding, 60, "some of them to be received")
            stage.kill_primary("b")
        load.wait_more(20)
        stage.finish()


@each("mysql57-off", *also("mysql97-off"))
@limit(300)
def test_a_standby_that_applies_in_parallel(scene, pair):
    """It has logged them in another order than the primary had."""
    workers = {"slave_parallel_workers": 4, "slave_parallel_type": "LOGICAL_CLOCK"} \
        if pair.startswith("mysql57") else \
        {"replica_parallel_workers": 4, "replica_preserve_commit_order": "OFF"}
    stage = Stage(scene, pair, consumers=FEW, servers=workers,
                  load={"writers": 4, "pause_s": 0.001, "spices": ("equal",)})
    with stage.load as load:
        load.wait_more(400)
        stage.kill_primary("b")
        load.wait_more(400)
        stage.finish()


@each(*(f"{pair} {form}" for form, pairs in FORMS.items() for pair in pairs))
@limit(300)
def test_statements_in_the_binlog(scene, variant):
    """Their text and its surroundings are as good as rows."""
    pair, form = variant.split()
    stage = Stage(scene, pair, consumers=("file",), servers={"binlog_format": form},
                  load={"form": form, "spices": ("ddl", "equal")})
    with stage.load as load:
        load.wait_more(40)
        stage.kill_primary("b")
        load.wait_more(40)
        stage.finish()


@each("mariadb10-loose", *also("mysql57-off", "mysql97-off"))
@limit(300)
def test_a_stranger_is_not_followed(scene, pair):
    """Nothing in common: it is refused with what to do, and followed from where a person says."""
    stage = Stage(scene, pair, consumers=FEW)
    stranger = stage.servers["b"]
    stranger.stop_replica()
    stranger.reset_replica()
    stranger.sql(f"DROP DATABASE {DB}")
    reset_binlogs(stranger)
    stranger.sql(f"CREATE DATABASE {DB}")
    with stage.load as load:
        load.wait_more(20)
        load.stop()
    stage.relay.wait_caught_up(stage.primary)
    said = stage.refused("b")
    if "switch b --at" not in said:
        raise Failure(f"it does not say how to choose: {said}")
    if stage.active_source() != "a":
        raise Failure("it follows the other one all the same")
    file, pos = stranger.position()
    stage.switch("b", "--at", f"{file}:{pos}")
    stranger.sql(f"CREATE TABLE {DB}.chosen (id INT PRIMARY KEY); INSERT INTO {DB}.chosen VALUES (1)")
    wait.until(lambda: any(event["topic"].endswith(".chosen") for event in stage.relay.events()), 60,
               lambda: f"what it has written since\n{stage.relay.tail()}")
    replica = stage.consumer("file").server
    wait.until(lambda: replica.sql("SELECT COUNT(*) FROM information_schema.tables"
                                   " WHERE table_name = 'chosen'")[0][0], 60, "the replica to get it")


@each("mysql57-off", *also("mysql97-off", "mariadb10-loose"))
@limit(300)
def test_a_candidate_that_is_behind_without_gtids(scene, pair):
    """What it lacks is named by place; it is caught up from the relay by position, then followed."""
    stage = Stage(scene, pair, consumers=FEW)
    standby = stage.servers["b"]
    with stage.load as load:
        load.wait_more(20)
        standby.stop_replica()
        load.wait_more(20)
        load.stop()
    stage.relay.wait_caught_up(stage.primary)
    stage.primary.kill9()
    promote_what_is_there(standby)
    said = stage.refused("b")
    if stage.relay.files()[0].name not in said:
        raise Failure(f"no place is named: {said}")
    stage.switch("b", "--catch-up")
    stage.active = "b"
    standby.sql(f"INSERT INTO {DB}.shape VALUES (5, 5)")
    stage.verdict(acked=True)


def promote_what_is_there(standby):
    """Its replication was stopped before; what it had fetched it applies."""
    standby.start_replica("SQL_THREAD")
    promote(standby)
