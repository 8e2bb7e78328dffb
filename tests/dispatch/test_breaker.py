from fastchat.dispatch.breaker import COOL_DOWN_S, LONGEST_S, MOST_FAILURES, TRIAL_S, Breaker


def opened(now: float = 0) -> Breaker:
    breaker = Breaker()
    for _ in range(MOST_FAILURES):
        breaker.fail(now)
    return breaker


def test_failures_in_a_row_open_it() -> None:
    breaker = Breaker()
    for _ in range(MOST_FAILURES - 1):
        breaker.fail(0)
    breaker.succeed(0)
    breaker.fail(0)
    assert breaker.lets_in(0)
    assert not opened().lets_in(0)


def test_after_a_pause_one_request_is_let_in() -> None:
    breaker = opened()
    assert breaker.lets_in(COOL_DOWN_S)
    breaker.begin_trial(COOL_DOWN_S)
    assert not breaker.lets_in(COOL_DOWN_S)
    breaker.succeed(COOL_DOWN_S)
    assert breaker.is_closed


def test_a_trial_that_fails_makes_the_pause_longer() -> None:
    breaker, now = opened(), COOL_DOWN_S
    breaker.begin_trial(now)
    breaker.fail(now)
    assert not breaker.lets_in(now + 1.9 * COOL_DOWN_S)
    assert breaker.lets_in(now + 2 * COOL_DOWN_S)


def test_the_pause_has_a_bound() -> None:
    breaker = Breaker()
    for _ in range(2000):
        breaker.open(0)
    assert breaker.cool_down_s == LONGEST_S


def test_a_trial_whose_client_left_is_followed_by_another() -> None:
    breaker = opened()
    breaker.begin_trial(1)
    assert not breaker.lets_in(1 + TRIAL_S - 0.1)
    assert breaker.lets_in(1 + TRIAL_S)


def test_what_began_before_it_opened_does_not_close_it() -> None:
    breaker = opened()
    breaker.succeed(0.1)
    assert not breaker.lets_in(0.1)


def test_after_a_long_good_time_the_pauses_are_short_again() -> None:
    breaker = opened()
    breaker.begin_trial(1)
    breaker.fail(1)
    breaker.begin_trial(10)
    breaker.succeed(10)
    for _ in range(MOST_FAILURES):
        breaker.fail(10 + LONGEST_S)
    assert breaker.cool_down_s == COOL_DOWN_S
