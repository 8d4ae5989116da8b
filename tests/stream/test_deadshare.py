from stream.deadshare import DeadShare

T0 = 1_760_000_000_000


def test_the_minute_before_is_counted_and_older_seconds_are_forgotten():
    share = DeadShare()
    share.add(T0, records=100, dead=1)
    share.add(T0 + 999, records=10, dead=2)
    share.add(T0 + 30_000, records=5, dead=0)
    assert share.until(T0 + 59_999) == (115, 3)
    assert share.until(T0 + 60_000) == (5, 0)
    assert share.until(T0 + 90_000) == (0, 0)


def test_nothing_read_is_no_share():
    assert DeadShare().until(T0) == (0, 0)
