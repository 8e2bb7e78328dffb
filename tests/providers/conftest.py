import time
from random import Random

import pytest

from fastchat.dispatch import Table


@pytest.fixture
def table() -> Table:
    return Table(time.monotonic, Random(0))
