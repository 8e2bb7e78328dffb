from pathlib import Path

import pytest

from benchmarks.gateway.programs import compiled


def test_a_missing_compiler_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(SystemExit, match="no C compiler"):
        compiled(tmp_path)
