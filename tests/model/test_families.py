import json
from collections import Counter
from pathlib import Path

import pytest

from fastchat.conversation import conv_templates
from fastchat.model import families as package
from fastchat.model.families import families, find_family
from fastchat.model.family import Family
from tests.compat.make_goldens import GOLDENS

# Model name: the adapter class and the template that FastChat 0.2.36 chooses.
GOLDEN = json.loads((GOLDENS / "families.json").read_text("utf-8"))
ORIGINAL: dict[str, tuple[str, str]] = GOLDEN["models"]

every_family = pytest.mark.parametrize("family", families().values(), ids=lambda f: f.name)
every_example = pytest.mark.parametrize(
    ("family", "example"),
    [(family, example) for family in families().values() for example in family.examples],
    ids=lambda value: value if isinstance(value, str) else "",
)


def test_a_file_holds_the_family_of_its_name() -> None:
    [folder] = package.__path__
    files = {path.stem for path in Path(folder).glob("*.py")} - {"__init__"}
    assert set(families()) == files


@every_family
def test_a_family_names_a_template_and_has_examples(family: Family) -> None:
    assert family.template is None or family.template in conv_templates
    assert family.examples


@every_example
def test_an_example_finds_its_own_family(family: Family, example: str) -> None:
    assert find_family(example) is family


@every_example
def test_no_other_family_claims_an_example_as_well(family: Family, example: str) -> None:
    name = example if family.rank(example.split("/")[-1]) is None else example.split("/")[-1]
    own = family.rank(name)
    others = [other.rank(name) for other in families().values() if other is not family]
    assert own is not None
    assert all(rank is None or rank < own for rank in others)


def test_no_pattern_is_in_two_families() -> None:
    counted = Counter(text for family in families().values() for text in family.patterns)
    assert [text for text, times in counted.items() if times > 1] == []


@pytest.mark.parametrize("name", sorted(ORIGINAL))
def test_a_known_model_has_the_family_that_the_original_gives_it(name: str) -> None:
    adapter, template = ORIGINAL[name]
    family = find_family(name)
    # Families that bring their own format are younger than the original, which knew none of them.
    is_known = family is not None and not (family.brings_own and family.template is None)
    assert is_known == (adapter != "BaseModelAdapter")
    assert (family and family.template) in (template, None if template == "one_shot" else template)


def test_every_rule_of_the_original_is_covered() -> None:
    covered = {adapter for adapter, _ in ORIGINAL.values()}
    # The first reads a folder, see below; the second never had its turn: Alpaca comes before it.
    others = {"PeftModelAdapter", "Lamma2ChineseAlpacaAdapter"}
    assert set(GOLDEN["adapters"]) == covered | others


@pytest.mark.parametrize(
    "name", ["gpt2", "my-model", "somebody/cerberus-9b-it", "prompt-tuned", ""]
)
def test_a_model_unknown_by_name_has_no_family(name: str) -> None:
    assert find_family(name) is None


def test_a_folder_with_a_peft_adapter_is_of_its_base_models_family(tmp_path: Path) -> None:
    config = {"base_model_name_or_path": "lmsys/vicuna-7b-v1.5"}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config), "utf-8")
    found = find_family(str(tmp_path))
    assert found is families()["vicuna"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"base_model_name_or_path": null}', "{"])
def test_a_broken_adapter_config_leaves_the_name_to_decide(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "koala-peft"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(text, "utf-8")
    assert find_family(str(folder)) is families()["koala"]
