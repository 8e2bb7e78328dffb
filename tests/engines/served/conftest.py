import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A big engine that was killed takes a minute to load again: that test is the last of its
    engine's, whatever the order of the others."""
    kills = [item for item in items if "is_killed_under_load" in item.name]
    for item in kills:
        engine = item.name[item.name.index("[") :]
        items.remove(item)
        last = max(
            number
            for number, other in enumerate(items)
            if other.path == item.path and other.name.endswith(engine)
        )
        items.insert(last + 1, item)
