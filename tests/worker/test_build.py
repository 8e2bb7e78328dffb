from fastchat.engines.scripted import Options, ScriptedEngine
from fastchat.protocol.cluster import COUNTS, RESUMES
from fastchat.worker.build import dialects
from tests.scripted import ScriptedEngine as PlainEngine


def test_a_worker_declares_that_it_takes_up_answers_only_when_its_engine_can() -> None:
    assert dialects(ScriptedEngine(Options())) == ("openai", COUNTS, RESUMES)
    assert dialects(PlainEngine()) == ("openai", COUNTS)
