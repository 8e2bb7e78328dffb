from fastchat.core.codes import ErrorCode
from fastchat.core.metrics import Distribution, Figures, exposed, registry, together
from tests.exposition import Told


def test_a_counter_has_one_count_for_each_label() -> None:
    figures = Figures()
    eaten = figures.counter("eaten", "Eaten.", "what")
    eaten.of("bread").add()
    eaten.of("bread").add(2)
    eaten.of("cake").add()
    eaten.forget("cake")
    told = Told(exposed(registry(figures)).decode())
    assert told.value("eaten_total", what="bread") == 3
    assert told.labels("eaten_total", "what") == {"bread"}


def test_a_value_on_a_bound_is_in_the_bucket_of_that_bound() -> None:
    distribution = Distribution((1, 2))
    for value in (0.5, 1, 1.5, 99):
        distribution.observe(value)
    assert distribution.buckets() == [("1.0", 2), ("2.0", 3), ("+Inf", 4)]
    assert distribution.sum == 102


def test_a_gauge_is_read_when_it_is_asked_for() -> None:
    figures, readings = Figures(), [1.0]
    figures.gauge("level", "Level.", lambda: readings[-1])
    told = registry(figures)
    readings.append(7)
    assert Told(exposed(told).decode()).value("level") == 7


def test_every_error_code_is_counted_from_the_start() -> None:
    figures = Figures()
    figures.errors("errors", "Errors.")
    told = Told(exposed(registry(figures)).decode())
    codes = {str(code.value) for code in ErrorCode}
    assert told.labels("errors_total", "error_code") == codes


def test_two_registries_know_nothing_of_each_other() -> None:
    figures = [Figures(), Figures()]
    for number, one in enumerate(figures):
        one.counter("same", "The same name.").of().add(number)
    told = [Told(exposed(registry(one)).decode()).value("same_total") for one in figures]
    assert told == [0, 1]


def test_what_several_processes_tell_stands_side_by_side() -> None:
    parts = {}
    for process in ("1", "2"):
        figures = Figures()
        figures.counter("asked", "Asked.").of().add(int(process))
        figures.histogram("took_seconds", "Took.", (1,)).of().observe(0.5)
        parts[process] = registry(figures).collect()
    text = exposed(together(parts)).decode()
    told = Told(text)
    assert told.value("asked_total", process="2") == 2
    assert told.value("took_seconds_bucket", process="1", le="1.0") == 1
    assert text.count("# TYPE asked_total counter") == 1
