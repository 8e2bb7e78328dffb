from random import Random

import pytest

from fastchat.dispatch import Table


@pytest.fixture
def table() -> Table:
    return Table(lambda: 0.0, Random(0), "shortest_queue")
