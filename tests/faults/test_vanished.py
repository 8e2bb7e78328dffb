"""Half-open on each side: a client, or a worker, whose machine is gone without a word."""

import asyncio
import json
import os
import sys

import pytest

from tests.faults.vanishing import NOT_LENT
from tests.running import ROOT

pytestmark = pytest.mark.faults


async def test_peers_that_vanish_are_given_up() -> None:
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.vanishing"),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await program.communicate()
    if program.returncode == NOT_LENT:
        pytest.skip("this kernel lends no network of one's own (unshare)")
    assert json.loads(said) == {"/busy": "left", "/quiet": "left", "/worker": "lost"}
