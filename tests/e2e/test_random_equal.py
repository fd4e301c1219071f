"""Random DDL and row changes, the real Debezium beside the relay: every record is equal."""

import os

from lib import sidebyside
from lib.marks import each, limit

SEED = os.environ.get("BINRELAY_TEST_SEED")
COUNT = int(os.environ.get("BINRELAY_TEST_STATEMENTS", 1500))


@limit(150 + COUNT // 10)
@each("mysql97", "mariadb10")
def test_random_statements_give_debeziums_records(scene, kind):
    """Types, values, DDL and options by a seed: topic, key, value and headers are the same text."""
    seed = int(SEED) if SEED else 1
    run = sidebyside.run(scene, kind, seed, COUNT)
    print(f"seed {seed}: {run.accepted} statements taken, {run.refused} refused; "
          f"{run.equal} records are equal")
    assert run.equal > COUNT / 4, run.equal
