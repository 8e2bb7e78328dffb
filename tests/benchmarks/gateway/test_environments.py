from pathlib import Path

from benchmarks.gateway.environments import environment


def test_an_environment_that_was_finished_is_not_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "benchmarks" / "some-router--1.0"
    folder.mkdir(parents=True)
    (folder / ".installed").touch()
    said: list[str] = []
    assert environment("some-router==1.0", tmp_path, said.append) == folder
    assert said == []
