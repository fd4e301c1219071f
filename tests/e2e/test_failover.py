"""The relay goes over by itself, or gives a standby what only it has: nothing acknowledged is lost."""

import time

from lib import wait
from lib.counted import DB, tags_of
from lib.errors import Failure
from lib.marks import each, limit
from lib.switching import Stage, also, promote

FEW = ("file", "gtid", "publisher")
AUTO = {"failover": "auto", "failover_after": "2s", "failover_fence": "1h"}
# The relay attaches before it is switched on: MariaDB shows no binlogs to one that commits wait for.
SEMI_SYNC = {
    "mysql97": ({"plugin_load_add": "semisync_source.so", "rpl_semi_sync_source_timeout": 100000},
                "SET GLOBAL rpl_semi_sync_source_enabled = ON"),
    "mariadb10": ({"rpl_semi_sync_master_wait_point": "AFTER_SYNC",
                   "rpl_semi_sync_master_timeout": 100000},
                  "SET GLOBAL rpl_semi_sync_master_enabled = ON"),
}


def let_nobody_write(server):
    name = "read_only" if server.kind.is_mariadb else "super_read_only"
    server.sql(f"SET GLOBAL {name} = ON")


def let_all_write(server):
    server.sql("SET GLOBAL read_only = OFF")


def go_over_from_now_on(stage):
    """Not before, so that it does so when the test is ready for it."""
    stage.relay.settings["relay"] |= AUTO
    stage.relay.write_config()
    stage.relay.cli("reload")


def wait_active(stage, name):
    wait.until(lambda: stage.active_source() == name, 60,
               lambda: f"the relay to follow {name}\n{stage.relay.tail()}", pause_s=0.2)


@each("mysql57", *also("mysql97", "mariadb10"))
@limit(300)
def test_the_relay_goes_over_by_itself(scene, pair):
    """The primary is gone for two seconds and the standby is promoted: no command is needed."""
    stage = Stage(scene, pair, consumers=FEW)
    standby = stage.servers["b"]
    let_nobody_write(standby)
    with stage.load as load:
        load.wait_more(40)
        stage.primary.kill9()
        promote(standby)
        let_all_write(standby)
        go_over_from_now_on(stage)
        wait_active(stage, "b")
        stage.became("b")
        load.wait_more(40)
        stage.finish()


@each("mariadb10", *also("mysql97"))
@limit(300)
def test_it_does_not_go_back_and_forth(scene, pair):
    """After a switch by itself the fence holds; a person may switch, and what was lost is said."""
    stage = Stage(scene, pair, standbys=2, consumers=("file", "publisher"))
    with stage.load as load:
        load.wait_more(20)
        with load.paused():
            for name in "bc":
                stage.servers[name].wait_for(stage.primary)
                promote(stage.servers[name])
            go_over_from_now_on(stage)
            stage.primary.kill9()
        wait_active(stage, "b")
        stage.became("b")
        stage.rejoin("c")
        load.wait_more(20)
        with load.paused():
            stage.servers["c"].wait_for(stage.primary)
            promote(stage.servers["c"])
            stage.primary.kill9()
        wait.until(lambda: "less than failover_fence ago" in stage.relay.log_text(), 60,
                   lambda: f"it to say why it stays\n{stage.relay.tail()}", pause_s=0.2)
        if stage.active_source() != "b":
            raise Failure(f"it has gone over again, in spite of the fence\n{stage.relay.tail()}")
        stage.became("c")
        stage.switch("c")
        load.wait_more(20)
        stage.finish()


@each("mariadb10", "mysql57-off", *also("mysql97"))
@limit(300)
def test_another_server_behind_the_same_address(scene, pair):
    """A VIP or a DNS name moves: the relay notices whom it has reached, and joins."""
    stage = Stage(scene, pair, consumers=FEW, slow_way=True)
    with stage.load as load:
        load.wait_more(40)
        with load.paused():
            stage.hand_over("b")
            stage.way.target = stage.primary
            stage.way.cut_now()
        load.wait_more(40)
        stage.finish()
    if "join" not in stage.relay.log_text():
        raise Failure("the log does not tell it", stage.relay.tail())
    stage.verify()


@each("mysql97", "mariadb10")
@limit(300)
def test_commits_that_only_the_relay_acknowledged(scene, pair):
    """Semi-sync: the standby is behind when the primary is killed, and has every one of them then."""
    options, enable = SEMI_SYNC[pair]
    stage = Stage(scene, pair, consumers=FEW, servers=options,
                  settings={"source a": {"semi_sync": "on"}})
    standby = stage.servers["b"]
    stage.primary.sql(enable)
    with stage.load as load:
        load.wait_more(40)
        with load.paused():  # Else one that is on its way may reach the standby and count below.
            standby.stop_replica()
        load.wait_more(40)
        stage.primary.kill9()
        time.sleep(0.2)  # What a client was told just before is noted now.
        acked = set(load.acked)
        standby.reset_replica()
        behind = acked - set(tags_of(standby))
        if len(behind) < 40:
            raise Failure(f"the standby lacks only {len(behind)}")
        stage.switch("b", "--catch-up")
        if not acked <= set(tags_of(standby)):
            raise Failure(f"the standby still lacks {len(acked - set(tags_of(standby)))} of them")
        stage.became("b")
        load.wait_more(40)
        stage.finish(acked=True)
    if standby.replica_status():
        raise Failure("the standby is still the relay's replica")
    stage.verify()


@each("mysql57", *also("mysql97", "mariadb10"))
@limit(300)
def test_without_leave_it_says_what_to_run(scene, pair):
    """Nothing is changed at a standby without an admin_user: the statement to run there is printed."""
    stage = Stage(scene, pair, consumers=("publisher",))
    stage.relay.settings["source b"]["admin_user"] = None
    stage.relay.write_config()
    stage.relay.cli("reload")
    standby = stage.servers["b"]
    with stage.load as load:
        load.wait_more(20)
        standby.stop_replica()
        load.wait_more(20)
        load.stop()
    stage.relay.wait_caught_up(stage.primary)
    expected = tags_of(stage.primary)
    stage.primary.kill9()
    standby.reset_replica()
    try:
        said = stage.switch("b", "--catch-up")
    except Failure as refusal:
        said = refusal.details
    if "CHANGE" not in said or str(stage.relay.port) not in said:
        raise Failure(f"no statement: {said}")
    if standby.replica_status():
        raise Failure("the standby was changed")
    settings = {"slave_pos": True} if standby.kind.is_mariadb else {"auto_position": True}
    if standby.kind.is_mariadb:
        standby.sql("SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_current_pos")
    standby.make_replica_of(stage.relay.host, stage.relay.port, "repl", "replpw", **settings)
    wait.until(lambda: tags_of(standby) == expected, 60, "the standby to catch up")
    promote(standby)
    stage.switch("b")
    standby.sql(f"INSERT INTO {DB}.shape VALUES (9, 9)")
    stage.active = "b"
    stage.verdict(acked=True)
