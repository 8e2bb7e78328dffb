import os
import subprocess
import sys
from pathlib import Path

from fastchat.model.claim import claimed_folder, remove_leftovers
from tests.running import ROOT


def test_a_folder_is_there_while_it_is_used(tmp_path: Path) -> None:
    with claimed_folder(tmp_path) as folder:
        (folder / "part").write_text("half")
        remove_leftovers(tmp_path)
        assert (folder / "part").exists()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from fastchat.model.claim import *\n"
        "with claimed_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'part').write_text('half'); os.kill(os.getpid(), 9)"
    )
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=environ)
    assert killed.returncode == -9
    assert [path.name[:10] for path in tmp_path.iterdir()] == [".fetching-"]
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_two_work_beside_each_other(tmp_path: Path) -> None:
    with claimed_folder(tmp_path) as one, claimed_folder(tmp_path) as other:
        assert one != other
    assert list(tmp_path.iterdir()) == []
