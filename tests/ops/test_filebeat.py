"""Filebeat's configuration, as far as it can be checked without Filebeat: its options are known to
it, every log is found, and lines are what its parser wants."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from fnmatch import fnmatch
from typing import Any

import pytest
import yaml

from tests.ops.stage import Stage
from tests.ops.tools import DEPLOY

pytestmark = pytest.mark.ops

CONFIG = yaml.safe_load((DEPLOY / "filebeat" / "filebeat.yml").read_text())
# As its sources name them (8.14 to 9): filebeat/input/filestream/config.go and fscanner.go,
# libbeat/reader/readjson/json_config.go, libbeat/template/config.go, outputs/elasticsearch.
SCANNER = "prospector.scanner"
INPUT = {
    *("type", "id", "enabled", "paths", "encoding", "exclude_lines", "include_lines"),
    *("parsers", "file_identity.fingerprint", "file_identity.native", "file_identity.path"),
    *("ignore_older", "ignore_inactive", "clean_inactive", "clean_removed", "tags", "fields"),
    *(f"{SCANNER}.fingerprint.{name}" for name in ("enabled", "offset", "length")),
    *(f"{SCANNER}.{name}" for name in ("exclude_files", "include_files", "symlinks")),
}
NDJSON = {
    *("target", "field", "message_key", "document_id", "overwrite_keys", "expand_keys"),
    *("add_error_key", "ignore_decoding_error"),
}
TOP = {
    *("filebeat.inputs", "output.elasticsearch.hosts", "output.elasticsearch.index"),
    *("setup.ilm.enabled", "setup.template.name", "setup.template.pattern"),
}
# Filebeat adds fields of these names: a line that has them, too, would overwrite them.
ITS_OWN = {"agent", "ecs", "event", "host", "input", "log", "type", "@metadata"}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def flat(options: Mapping[str, Any], within: str = "") -> Iterator[str]:
    """Filebeat reads `a: { b: 1 }` and `a.b: 1` alike."""
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{within}{name}.")
        else:
            yield within + name


def test_its_options_are_those_that_filebeat_reads() -> None:
    assert set(flat(CONFIG)) == TOP
    ids = [one["id"] for one in CONFIG["filebeat.inputs"]]
    assert len(set(ids)) == len(ids)
    for one in CONFIG["filebeat.inputs"]:
        assert one["type"] == "filestream"
        assert set(flat(one)) <= INPUT
        assert one["prospector.scanner.fingerprint"]["length"] >= 64  # the least that it takes
        for parser in one["parsers"]:
            assert set(parser) == {"ndjson"}
            assert set(parser["ndjson"]) <= NDJSON


def test_an_index_of_our_own_has_its_template() -> None:
    index, pattern = CONFIG["output.elasticsearch"]["index"], CONFIG["setup.template.pattern"]
    assert fnmatch(index.replace("%{+yyyy.MM.dd}", "2026.11.28"), pattern)
    assert CONFIG["setup.ilm.enabled"] is False  # else the index is not asked


def test_every_log_is_found(stage: Stage) -> None:
    paths = [path for one in CONFIG["filebeat.inputs"] for path in one["paths"]]
    written = {path.name for path in stage.logs.glob("*.log*")}
    assert written
    for name in {*written, "openai_api_server_2.log", "controller.log.1"}:
        assert any(fnmatch(f"/var/log/fastchat/{name}", path) for path in paths), name


def test_lines_are_what_its_parser_wants(stage: Stage) -> None:
    beginnings = set()
    for path in stage.logs.glob("*.log"):
        text = path.read_text(encoding="utf-8")
        beginnings.add(text[:64])
        for line in map(json.loads, text.splitlines()):
            assert isinstance(line, dict)
            assert RFC3339.fullmatch(line["@timestamp"])
            assert datetime.fromisoformat(line["@timestamp"]).timestamp() == pytest.approx(
                line["timestamp"]
            )
            assert not line.keys() & ITS_OWN
    assert len(beginnings) == len(list(stage.logs.glob("*.log")))
