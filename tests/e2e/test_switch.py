"""Only the relay is repointed: every consumer has every transaction of the new primary once, in order."""

import json

from lib import wait
from lib.marks import each, limit
from lib.switching import PAIRS, Stage, also

# With everything that can stand behind a relay; the others without Debezium, which is slow to start.
MAIN = ("mysql97", "mariadb10")
FEW = ("file", "gtid", "publisher")
NEWEST_BYTES = 4 << 20
SPICES = ("ddl", "equal", "rotate")


def stage_of(scene, pair, **more):
    if pair not in MAIN:
        more = {"consumers": FEW} | more
    return Stage(scene, pair, load={"spices": SPICES, "writers": 2 if pair in MAIN else 1}, **more)


@each(*MAIN, *also(*(pair for pair in PAIRS if pair not in MAIN)))
@limit(300)
def test_a_planned_switch_under_load(scene, pair):
    """Writes rest while the standby is promoted and the relay follows it; nothing is lost or doubled."""
    stage = stage_of(scene, pair)
    with stage.load as load:
        load.wait_more(80)
        stage.planned("b")
        load.wait_more(80)
        stage.finish()
    stage.verify()


@each(*PAIRS)
@limit(300)
def test_a_primary_that_is_killed_under_load(scene, pair):
    """The standby gets from the relay what only that has, is promoted, and followed."""
    stage = stage_of(scene, pair)
    with stage.load as load:
        load.wait_more(80)
        stage.kill_primary("b")
        load.wait_more(80)
        stage.finish()
    stage.verify()


def wait_looked_at(stage, name):
    """Until the relay has seen all that this standby has in its binlog now, and holds it."""
    stage.servers[name].wait_for(stage.primary)
    stage.relay.wait_caught_up(stage.primary)
    place = stage.servers[name].position()

    def seen():
        rows = map(json.loads, stage.relay.cli("sources", "--json").splitlines())
        row = next(row for row in rows if row["name"] == name)
        return (row["file"] or "", row["offset"] or 0) >= place

    wait.until(seen, 60, lambda: f"a look at {name}\n{stage.relay.tail()}", pause_s=0.2)


@each("mysql57", "mariadb10", *also("mysql97", "mysql57-off", "mariadb10-loose", "mariadb10-mariadb11"))
@limit(300)
def test_a_candidate_with_much_in_its_newest_binlog(scene, pair):
    """What is held of that is not read again, and nothing of what stands behind it is left out."""
    stage = Stage(scene, pair, standbys=2, consumers=FEW, load={"spices": ("ddl", "equal")})
    with stage.load as load:
        load.wait_more(20)
        load.large(NEWEST_BYTES)
        load.wait_more(20)
        with load.paused():
            stage.hand_over("b")
            stage.switch("b")
        wait.until(lambda: "is held: going on there" in stage.relay.log_text(), 60,
                   lambda: f"it to read no more than it needs\n{stage.relay.tail()}")
        stage.rejoin("c")
        load.wait_more(20)
        wait_looked_at(stage, "c")
        with load.paused():
            stage.hand_over("c")
        load.wait_more(20)
        stage.switch("c")
        load.wait_more(20)
        wait.until(lambda: stage.relay.log_text().count("is held: going on there") == 2, 60,
                   lambda: f"it to begin where it looked last\n{stage.relay.tail()}")
        stage.finish()
    stage.verify()


@each("mysql97-off", *also("mysql57-off", "mysql57-mysql80-off", "mysql55", "mariadb10-loose"))
@limit(300)
def test_debezium_by_position(scene, pair):
    """Without GTIDs the real connector goes on, too, and restarts from its stored offset behind it."""
    stage = Stage(scene, pair, consumers=("debezium",), load={"spices": SPICES})
    with stage.load as load:
        load.wait_more(50)
        stage.planned("b")
        load.wait_more(30)
        stage.consumers[0].restart()
        load.wait_more(50)
        stage.finish()
