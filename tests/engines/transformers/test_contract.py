"""What every engine promises, promised by this one."""

import pytest

from tests.engines.test_contract import *  # noqa: F403  # the tests themselves

pytestmark = pytest.mark.transformers
