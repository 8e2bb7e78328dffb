import re
from pathlib import Path

import pytest

from fastchat.cluster.platform import (
    ApiSpec,
    ControllerSpec,
    ModelSpec,
    PageSpec,
    Platform,
    SupervisorSpec,
    load,
)
from fastchat.core.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "examples" / "platform.toml"


def loaded(folder: Path, text: str) -> Platform:
    path = folder / "platform.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def test_an_empty_file_is_the_default_platform(tmp_path: Path) -> None:
    assert loaded(tmp_path, "") == Platform()


def test_the_default_platform_serves_the_small_model_on_the_usual_ports() -> None:
    platform = Platform()
    assert (platform.controller.port, platform.api.port) == (21001, 8000)
    assert [model.served_names for model in platform.models] == [("smollm2-135m-instruct",)]
    assert platform.worker_ports() == ((31000,),)


def test_the_example_shows_the_defaults() -> None:
    assert load(EXAMPLE) == Platform()


def test_the_example_shows_every_key(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    active = re.sub(r"^#(?=\w)", "", text, flags=re.MULTILINE)
    assert active != text
    served = re.compile(r"^engine_(python|url) .*\n", re.MULTILINE)  # they need another engine
    loaded(tmp_path, served.sub("", active))
    shown = re.findall(r"^\[*(\w+)(?=\]| =)", active, flags=re.MULTILINE)
    tables = (ControllerSpec, ApiSpec, PageSpec, ModelSpec, SupervisorSpec, Platform)
    assert sorted(shown) == sorted(key for table in tables for key in table.__struct_fields__)


def test_workers_take_the_next_free_ports(tmp_path: Path) -> None:
    platform = loaded(
        tmp_path,
        """
        controller.port = 31001
        [[models]]
        path = "a"
        replicas = 2
        [[models]]
        path = "b"
        port = 31003
        replicas = 2
        [[models]]
        path = "c"
        """,
    )
    assert platform.worker_ports() == ((31000, 31002), (31003, 31004), (31005,))


def test_one_model_may_have_several_tables(tmp_path: Path) -> None:
    text = '[[models]]\npath = "a"\ngpus = [[0, "GPU-1"]]\n[[models]]\npath = "a"\nthreads = 2\n'
    first, second = loaded(tmp_path, text).models
    assert first.served_names == second.served_names == ("a",)
    assert first.gpus == ((0, "GPU-1"),)


FAULTS = {
    "[controller]\nprot = 1": "[controller]: unknown key prot: the keys there are host, port,",
    "[supervisor]\nlimit = 1": "[supervisor]: unknown key limit: the keys there are logdir,",
    "model = 1": ": unknown key model: the keys there are controller, api, page, models,",
    "api = 1": "[api]: expected a table, got int",
    'models = "a"': "[models]: expected a list, got str",
    "models = []": "[models]: expected a list of length >= 1",
    '[api]\nport = "8000"': "[api], key port: expected int, got str",
    "[api]\nport = 70000": "[api], key port: expected int <= 65535",
    '[[models]]\n[[models]]\nreplicas = "2"': "[[models]] number 2, key replicas: expected int,",
    "[[models]]\nport = 'x'": "[[models]] number 1, key port: expected int, got str",
    "[[models]]\nnames = ['a b']": "[[models]] number 1, key names[0]: expected str matching",
    "[[models]]\nenvironment = {A = 1}": "key environment[...]: expected str, got int",
    "[[models]]\nreplicas = 2\ngpus = [[0]]": "number 1: gpus has 1 lists for 2 replicas: give",
    "[controller]\ndispatch_method = 'x'": "[controller]: unknown dispatch_method 'x': choose from",
    "[api]\nport = 21001": "[controller] and [api] both want the port 21001: change",
    "[[models]]\nport = 7998\nreplicas = 3": "[api] and [[models]] number 1 both want the port",
    "[[models]]\nport = 65535\nreplicas = 2": "[[models]] number 1 has more replicas than ports",
    "[[models]]\npath = 'x/a'\n[[models]]\npath = 'y/a'": "the model name 'a' stands for 'x/a' and",
    "[api": "is not a TOML file: ",
}


@pytest.mark.parametrize("text", FAULTS)
def test_a_mistake_is_named_with_its_place_and_remedy(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "platform.toml"))
    assert FAULTS[text] in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the platform file .*none\.toml: No such"):
        load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ('engine = "vllm"', "say in path what it is to load"),
        ('engine = "openai"\nengine_url = "http://h"', "say in path what its server calls"),
        ('engine = "tgi"\npath = "m"', "give its engine_url"),
        ('engine = "vllm"\npath = "m"\nthreads = 2', "threads has no meaning for the engine vllm"),
        ('engine_python = "p"', "servers of their own (lightllm, llama_server, lmdeploy, mlx,"),
        (
            'engine = "vllm"\npath = "m"\nengine_python = "p"\nengine_url = "http://h"',
            "engine_url names one that runs",
        ),
    ],
)
def test_what_an_engine_of_its_own_process_needs_is_said(
    tmp_path: Path, keys: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        loaded(tmp_path, f"[[models]]\n{keys}\n")


def test_only_files_that_are_read_here_are_fetched() -> None:
    assert ModelSpec(engine="llama_server").has_weights
    assert not ModelSpec(engine="vllm", path="a/b").has_weights
    assert not ModelSpec(engine="llama_server", path="m", engine_url="http://h").has_weights
