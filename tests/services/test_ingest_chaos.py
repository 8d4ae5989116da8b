"""Whatever fails, and however often: at the end every figure of every room is that of the recount.

``make chaos N=1000`` runs this with more faults, and tells of each; ``SEED=7`` makes another plan.
"""

from __future__ import annotations

import os
import sys

import pytest

from tests.services.chaos.faults import LANES
from tests.services.chaos.run import chaos
from tests.waiting import PATIENCE

FAULTS = int(os.environ.get("ROOMWATCH_CHAOS_FAULTS", "100"))
SEED = int(os.environ.get("ROOMWATCH_CHAOS_SEED", "20251122"))
TELLS = "ROOMWATCH_CHAOS_FAULTS" in os.environ
RATE = 150
"""Records a second: enough for every flush to have some, little enough for the recount of a long run."""


@pytest.mark.services
@pytest.mark.slow
@pytest.mark.timeout(240 * PATIENCE + 3 * FAULTS)
async def test_no_fault_loses_or_doubles_anything(tmp_path, capsys):
    def tell(*lines):
        with capsys.disabled():
            sys.stdout.write("".join(f"\n{line}" for line in lines))
            sys.stdout.flush()

    tell_each = tell if TELLS else lambda _: None
    report = await chaos(tmp_path, seed=SEED, faults=FAULTS, rate=RATE, tell=tell_each)
    tell(*report.lines())
    assert report.faults.total() >= FAULTS
    assert set(report.faults) == set().union(*LANES)
    assert set(report.dead) == {
        "not_json", "not_object", "missing_field", "bad_type", "bad_value", "bad_key", "future"
    }  # fmt: skip
    assert report.late
    assert report.duplicates
