"""The same result whatever goes on at the moment of the switch."""

import re

from lib import wait
from lib.counted import DB
from lib.errors import Failure
from lib.marks import each, limit
from lib.servers import run_sql
from lib.streams import Stream, read_all
from lib.switching import Stage, also, promote, reset_binlogs

LARGE_BYTES = 48 << 20
SNAPSHOT_BYTES = 4 << 20
CROWD = 200
THE_LAST = "the last of all"
FEW = ("file", "gtid", "publisher")


@each("mysql57", *also("mysql97", "mysql97-off", "mariadb10"))
@limit(300)
def test_the_primary_dies_in_the_midst_of_a_large_transaction(scene, pair):
    """The half that had come of it is gone, for everybody; it comes whole from the new primary."""
    stage = Stage(scene, pair, consumers=FEW, slow_way=True)
    with stage.load as load:
        load.wait_more(30)
        stage.way.hold_after(LARGE_BYTES // 2)
        load.large(LARGE_BYTES)
        wait.until(lambda: stage.way.holding, 60, "the half of it to be received")
        stage.servers["b"].wait_for(stage.primary)
        stage.kill_primary("b")
        load.large(LARGE_BYTES // 4)
        load.wait_more(30)
        stage.finish()
    stage.verify()


@each("mariadb10", *also("mysql97", "mysql97-off", "mysql57"))
@limit(300)
def test_consumers_that_are_in_the_midst_of_a_transaction(scene, pair):
    """They get the rest of it, then what the new primary has: no connection carries all of it before."""
    stage = Stage(scene, pair, consumers=("publisher",))
    way = stage.add_replicas_by_a_way()
    with stage.load as load:
        load.wait_more(20)
        with load.paused():
            stage.wait_received()
            way.hold_after(LARGE_BYTES // 2)
            load.large(LARGE_BYTES)
        load.wait_more(20)
        stage.relay.wait_caught_up(stage.primary)
        replicas = stage.consumers[1:]
        wait.until(lambda: way.holding == len(replicas), 60, "the replicas to have the half of it")
        stage.planned("b")
        way.let_go()
        load.wait_more(20)
        stage.finish()


@each("mysql97", "mariadb10")
@limit(300)
def test_from_a_to_b_to_c_and_back_to_a(scene, pair):
    """Planned and unplanned by turns; the first primary comes back as a standby behind the relay."""
    stage = Stage(scene, pair, standbys=2, consumers=("file", "gtid", "debezium", "publisher"))
    with stage.load as load:
        load.wait_more(40)
        stage.planned("b")
        load.wait_more(40)
        stage.rejoin("c")
        load.wait_more(20)
        stage.kill_primary("c")
        load.wait_more(40)
        stage.rejoin("a")
        load.wait_more(20)
        stage.planned("a")
        load.wait_more(40)
        stage.finish()
    stage.verify()


@each("mysql57", *also("mysql97", "mariadb10"))
@limit(300)
def test_the_primary_dies_between_the_two_steps_of_xa(scene, pair):
    """What was prepared is prepared at the standby, and its commit comes from there."""
    stage = Stage(scene, pair, consumers=FEW, load={"spices": ("xa", "ddl")})
    with stage.load as load:
        load.wait_more(60)
        with load.paused():
            with stage.primary.connect() as client:
                run_sql(client, f"XA START 'left'; INSERT INTO {DB}.shape (id) VALUES (7);"
                        "XA END 'left'; XA PREPARE 'left'")
            stage.servers["b"].wait_for(stage.primary)
            stage.kill_primary("b")
            stage.primary.sql("XA COMMIT 'left'")
        load.wait_more(60)
        stage.finish()
    stage.verify()


@each("mariadb10", *also("mysql97"))
@limit(300)
def test_a_snapshot_through_the_relay_meets_a_switch(scene, pair):
    """It is told that its connection is gone, begins anew, and has each row once."""
    stage = Stage(scene, pair, consumers=())
    with stage.load as load:
        load.large(SNAPSHOT_BYTES)
        load.wait_more(200)
        way = stage.add_snapshot(SNAPSHOT_BYTES // 2)
        stage.planned("b")
        way.let_go()
        load.wait_more(60)
        stage.finish()


@each("mariadb10", *also("mysql97"))
@limit(300)
def test_two_hundred_consumers_are_attached(scene, pair):
    """Each of them gets the same bytes, and those are right."""
    stage = Stage(scene, pair, consumers=("file", "publisher"))
    first = stage.relay.files()[0].name
    streams = [Stream(stage.relay, 3_000_000 + number, first, 4) for number in range(CROWD)]
    for stream in streams:
        scene.finally_do(stream.close)
    with stage.load as load:
        load.wait_more(40)
        stage.kill_primary("b")
        load.wait_more(40)
        stage.finish()
    stage.primary.sql(f"INSERT INTO {DB}.journal VALUES (1, %s)", (THE_LAST,))

    def all_have(crowd):
        # And what ends its transaction.
        return all(THE_LAST.encode() in stream.at_end for stream in crowd) and \
            len({stream.bytes for stream in crowd}) == 1

    read_all(streams, lambda: all_have(streams), f"{CROWD} streams of equal length",
             timeout_s=120)
    got = {stream.hash.hexdigest() for stream in streams}
    if len(got) != 1:
        raise Failure(f"{CROWD} streams are of {len(got)} kinds")
    late = Stream(stage.relay, 3_900_000, first, 4)
    scene.finally_do(late.close)
    read_all([late], lambda: all_have([late]), "a stream that came late")
    print(f"{CROWD} streams of {streams[0].bytes} bytes each; one that comes afterwards: {late.bytes}")


@each("mysql57-off", "mariadb10", *also("mysql97"))
@limit(300)
def test_the_relay_is_killed_at_any_moment_of_the_switch(scene, pair):
    """It begins again, and the switch takes place once; ten moments."""
    stage = Stage(scene, pair, standbys=1, consumers=FEW)
    with stage.load as load:
        for moment in range(10):
            load.wait_more(15)
            target = "b" if stage.active == "a" else "a"
            stage.planned_with_kill(target, after_s=0.012 * moment ** 1.6)
            load.wait_more(10)
            stage.rejoin("a" if target == "b" else "b")
        stage.finish(timeout_s=120)
    stage.verify()


# --- forks: what the one has and the other never will

def lag_and_die(stage):
    """The standby stops following, the primary writes on and is killed; gives what the relay alone has."""
    standby = stage.servers["b"]
    with stage.load as load:
        load.wait_more(20)
        with load.paused():
            standby.wait_for(stage.primary)
            standby.stop_replica()
        load.wait_more(5)
        load.stop()
    stage.relay.wait_caught_up(stage.primary)
    last = stage.primary.gtids()
    stage.wait_received()
    stage.primary.kill9()
    standby.reset_replica()
    stage.active = "b"
    return last


def last_number(gtids):
    """The sequence number that the text ends with."""
    return re.split(r"[-:]", gtids)[-1]


def shape_row_comes(stage, number):
    wait.until(lambda: [e for e in stage.relay.events()
                        if e["topic"].endswith(".shape") and e["value"] and e["value"]["op"] == "c"
                        and e["value"]["after"]["id"] == number], 60,
               lambda: f"row {number} to be published\n{stage.relay.tail()}")


@each("mysql57", *also("mysql97", "mariadb10"))
@limit(300)
def test_what_only_the_relay_holds_is_named(scene, pair):
    """A candidate that is behind is not followed; caught up from the relay it is, and has everything."""
    stage = Stage(scene, pair, consumers=FEW)
    standby = stage.servers["b"]
    missing = lag_and_die(stage)
    said = stage.refused("b")
    if last_number(missing) not in said:
        raise Failure(f"it does not name {missing}: {said}")
    stage.switch("b", "--catch-up")
    standby.sql(f"INSERT INTO {DB}.shape VALUES (100, 100)")
    stage.verdict(acked=True)


@each("mariadb10", *also("mysql97"))
@limit(300)
def test_what_a_standby_wrote_itself_comes_to_consumers(scene, pair):
    """It has all that was given out, and a transaction of its own in between: one like any other."""
    stage = Stage(scene, pair, consumers=FEW)
    standby = stage.servers["b"]
    with stage.load as load:
        load.wait_more(20)
        with load.paused():
            standby.wait_for(stage.primary)
            # As its makers advise: in a domain of its own.
            domain = "SET SESSION gtid_domain_id = 7;" if standby.kind.is_mariadb else ""
            with standby.connect() as client:
                run_sql(client, f"{domain} INSERT INTO {DB}.shape VALUES (50, 50)")
        load.wait_more(20)
        stage.planned("b")
        load.wait_more(20)
        stage.finish()


@each("mysql57", *also("mysql97", "mariadb10"))
@limit(300)
def test_a_candidate_that_went_another_way(scene, pair):
    """What it lacks and what it wrote instead is named; by 'keep' consumers go on with what it has."""
    stage = Stage(scene, pair, consumers=("file", "publisher"))
    standby = stage.servers["b"]
    ghosts, own = lag_and_die(stage), standby.gtids()
    standby.sql(f"INSERT INTO {DB}.shape VALUES (80, 80)")
    own = standby.gtids().replace(own, "")
    said = stage.refused("b")
    for gtid in (ghosts, own):
        if last_number(gtid) not in said:
            raise Failure(f"it does not name {gtid}: {said}")
    stage.relay.settings["relay"]["fork"] = "keep"
    stage.relay.write_config()
    stage.relay.cli("reload")
    before = [consumer.received() for consumer in stage.consumers]
    stage.switch("b")
    shape_row_comes(stage, 80)
    if before != [consumer.received() for consumer in stage.consumers]:
        raise Failure("consumers got something twice, or lost it")
    if "fork" not in stage.relay.cli("epochs").lower():
        raise Failure(f"the history does not tell it: {stage.relay.cli('epochs')}")


@each("mysql57", *also("mysql97", "mariadb10"))
@limit(300)
def test_a_purged_gap_is_named(scene, pair):
    """What neither the relay holds nor the new server still has is never jumped over."""
    stage = Stage(scene, pair, consumers=FEW)
    standby = stage.servers["b"]
    with stage.load as load:
        load.wait_more(20)
        with load.paused():
            stage.wait_received()
            stage.relay.stop()
        load.wait_more(20)
        load.stop()
    standby.wait_for(stage.primary)
    stage.primary.kill9()
    promote(standby)
    standby.flush_binlog()
    standby.sql(f"INSERT INTO {DB}.shape VALUES (60, 60)")
    last = standby.binlogs()[-1].name
    wait.until(lambda: standby.sql(f"PURGE BINARY LOGS TO '{last}'") is not None
               and len(standby.binlogs()) == 1, 30, "the binlogs to be purged", pause_s=0.2)
    stage.relay.launch()
    stage.wait_operator()
    before = [consumer.received() for consumer in stage.consumers]
    said = stage.refused("b")
    if "purged" not in said.lower():
        raise Failure(f"it does not say what is gone: {said}")
    if before != [consumer.received() for consumer in stage.consumers]:
        raise Failure("consumers got something in spite of it")


@each("mysql57 tail", "mariadb10 reset", *also("mysql57 reset", "mariadb10 tail", "mysql97 tail", "mysql97 reset"))
@limit(300)
def test_a_source_that_lost_its_binlog(scene, variant):
    """Its last bytes, or all of it: named, and by 'keep' followed again from there."""
    pair, how = variant.split()
    stage = Stage(scene, pair, standbys=0, consumers=FEW)
    primary = stage.primary
    with stage.load as load:
        load.wait_more(20)
        with load.paused():
            kept = stage.copy_of_data("a")
        load.wait_more(20)
        load.stop()
    stage.wait_received()
    ghosts = primary.gtids()
    if how == "tail":
        primary.kill9()
        stage.restore_data("a", kept)
        primary.start()
    else:
        reset_binlogs(primary)
    primary.sql(f"DELETE FROM {DB}.shape")
    status = stage.relay.wait_status(lambda s: s["channels"][0]["state"] == "stopped")
    said = str(status)
    if how == "tail" and last_number(ghosts) not in said:
        raise Failure(f"it does not name {ghosts}: {said}")
    received = [consumer.received() for consumer in stage.consumers]
    stage.relay.stop()
    stage.relay.settings["relay"]["fork"] = "keep"
    stage.relay.start()
    primary.sql(f"INSERT INTO {DB}.shape VALUES (70, 70)")
    stage.relay.wait_status(lambda s: s["channels"][0]["state"] == "following")
    shape_row_comes(stage, 70)
    if received != [consumer.received() for consumer in stage.consumers]:
        raise Failure("consumers got something twice, or lost it")
    if "fork" not in stage.relay.cli("epochs").lower():
        raise Failure(f"the history does not tell it: {stage.relay.cli('epochs')}")
