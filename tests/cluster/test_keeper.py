from fastchat.cluster.keeper import Patience


def test_the_pause_doubles_up_to_the_longest() -> None:
    patience, pause_s, pauses = Patience(), 0.0, []
    for _ in range(9):
        pause_s = patience.next_pause_s(pause_s, healthy_s=0.0)
        pauses.append(pause_s)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_a_process_that_was_well_for_long_starts_with_the_first_pause() -> None:
    assert Patience().next_pause_s(30.0, healthy_s=59.9) == 30.0
    assert Patience().next_pause_s(30.0, healthy_s=60.0) == 0.5
