"""How the picture is, each figure on a small log whose answer can be told by hand."""

from __future__ import annotations

import pytest

from tests.stream.figured import Figures, ping


def test_dropped_frames_are_counted_by_probe(log):
    ping(log, dropped_frames=3)
    ping(log, dropped_frames=4)
    ping(log, "player", dropped_frames=5)
    found = Figures(log)
    assert found('live_dropped_frames_total{probe="edge"}') == 7
    assert found('live_dropped_frames_total{probe="player"}') == 5
    assert found('live_dropped_frames_total{probe="ingest"}') == 0


def test_load_is_told_by_the_pings_that_carry_it(log):
    ping(log, cpu_ratio=0.5, egress_kbps=200)
    ping(log, cpu_ratio=0.7, egress_kbps=600, egress_limit_kbps=1_000)
    ping(log, "ingest", egress_kbps=200, egress_limit_kbps=1_000)
    ping(log, "player")
    found = Figures(log)
    assert found('live_cpu_ratio{window="1m"}') == pytest.approx(0.6)
    assert found('live_egress_use_ratio{window="1m"}') == 0.4
    assert found("live_egress_limit_bytes_per_second") == 125_000


def test_load_is_no_data_without_pings_that_carry_it(log):
    ping(log, egress_kbps=200, egress_limit_kbps=0)
    found = Figures(log)
    assert found('live_cpu_ratio{window="1m"}') is None
    assert found('live_egress_use_ratio{window="1m"}') is None
    assert found("live_egress_limit_bytes_per_second") is None


def test_limits_are_the_newest_that_were_told(log):
    log.put("rooms", room_id="r", state="live", capacity=500)
    ping(log, online=30, egress_limit_kbps=2_000)
    ping(log, online=40, egress_limit_kbps=1_000, at_ms=log.now_ms - 100)
    found = Figures(log)
    assert found("live_egress_limit_bytes_per_second") == 250_000
    assert found("live_online") == 30
    assert found("live_capacity") == 500


class TestStalls:
    """Stalls begun per 100 s of watched time."""

    def stalls(self, log, pattern, *, node="n", every_ms=10_000):
        """Ping so that every ping but those at a dot is stalled."""
        for sign in pattern:
            log.wait(every_ms)
            ping(log, node=node, interval_ms=every_ms, stall_ms=0 if sign == "." else 900)

    def figure(self, log, probe="edge", **more):
        return Figures(log, **more)(f'live_stalls_per_100_seconds{{probe="{probe}",window="5m"}}')

    def test_stalled_pings_that_follow_each_other_are_one_stall(self, log):
        self.stalls(log, ".xxx..x..x")
        assert self.figure(log) == 3

    def test_stalls_of_two_nodes_are_two(self, log):
        for _ in range(5):
            self.stalls(log, "x", node="a")
            ping(log, node="b", interval_ms=10_000, stall_ms=900)
        assert self.figure(log) == 2

    def test_pings_that_come_out_of_order_are_one_stall_still(self, log):
        start_ms = log.now_ms
        for tens in (1, 3, 2, 4):
            ping(log, interval_ms=10_000, stall_ms=900, at_ms=start_ms + tens)
        ping(log, interval_ms=60_000)
        assert self.figure(log) == 1

    def test_a_stall_that_goes_on_from_before_the_window_did_not_begin_in_it(self, log):
        """The window is the last five minutes.

        x x|x x . . .
        """
        self.stalls(log, "xxxx", every_ms=20_000)
        before = self.figure(log, more_ms=0)
        after = self.figure(log, more_ms=270_000)
        assert before == pytest.approx(100 / 60)
        assert after == 0

    def test_without_pings_there_is_no_data(self, log):
        ping(log)
        assert self.figure(log, "player") is None


class TestStalledNodes:
    """Nodes that stand still for 5 % of their time."""

    def figures(self, log, probe, window):
        found = Figures(log)
        labels = f'{{probe="{probe}",window="{window}"}}'
        return found(f"live_stalled_nodes{labels}"), found(f"live_stalled_nodes_share{labels}")

    @pytest.mark.parametrize("window", ["10s", "1m", "5m", "15m"])
    def test_a_node_is_stalled_from_five_percent_of_its_time_on(self, log, window):
        ping(log, node="a", stall_ms=49)
        ping(log, node="b", stall_ms=50)
        ping(log, node="c", stall_ms=900)
        ping(log, node="d")
        assert self.figures(log, "edge", window) == (2, 0.5)

    def test_the_time_of_all_pings_of_a_node_counts(self, log):
        ping(log, node="a", stall_ms=90)
        ping(log, node="a")
        ping(log, node="b", stall_ms=60)
        ping(log, node="b", stall_ms=60)
        assert self.figures(log, "edge", "10s") == (1, 0.5)

    def test_a_window_ends_at_the_reach_to_the_second(self, log):
        ping(log, node="a", stall_ms=900)
        log.wait(10_000)
        ping(log, node="b")
        assert self.figures(log, "edge", "10s") == (0, 0)
        assert self.figures(log, "edge", "1m") == (1, 0.5)

    def test_all_probes_count_together_where_none_is_named(self, log):
        ping(log, "ingest", node="a", stall_ms=900)
        ping(log, "edge", node="a")
        ping(log, "edge", node="b")
        ping(log, "player", node="a", stall_ms=900)
        assert Figures(log)('live_stalled_nodes_ratio{window="5m"}') == 0.5

    def test_without_pings_there_is_no_data(self, log):
        ping(log)
        assert self.figures(log, "player", "10s") == (None, None)

    def test_of_very_many_players_a_sample_is_told(self, log):
        for number in range(1_000):
            ping(log, "player", node=f"p{number}", stall_ms=500 if number % 4 == 0 else 0)
        stalled, share = self.figures(log, "player", "10s")
        assert share == pytest.approx(0.25, abs=0.16)
        assert stalled == pytest.approx(250, rel=0.6)


class TestDrift:
    """How fast sound runs ahead of picture."""

    def figure(self, log):
        return Figures(log)('live_av_drift_ratio{probe="ingest",window="5m"}')

    def test_it_is_the_slope_of_the_offset(self, log):
        for number in range(12):
            ping(log, "ingest", av_offset_ms=-40 + 2 * number)
            log.wait(10_000)
        assert self.figure(log) == pytest.approx(0.2 / 1_000)

    def test_a_node_that_comes_with_an_offset_of_its_own_is_no_drift(self, log):
        for number in range(12):
            ping(log, "ingest", node="a", av_offset_ms=10)
            if number >= 6:
                ping(log, "ingest", node="b", av_offset_ms=500)
            log.wait(10_000)
        assert self.figure(log) == pytest.approx(0)

    def test_a_minute_of_pings_is_the_least(self, log):
        for number in range(6):
            ping(log, "ingest", av_offset_ms=number)
            log.wait(10_000)
        assert self.figure(log) is None

    def test_pings_without_an_offset_tell_nothing(self, log):
        for _ in range(12):
            ping(log, "ingest")
            log.wait(10_000)
        assert self.figure(log) is None


def test_the_median_of_an_even_number_of_offsets_is_between_the_middle_ones(log):
    for offset in (-5, 100, 20.4, 10):
        ping(log, av_offset_ms=offset)
    assert Figures(log)('live_av_offset_seconds{probe="edge",window="10s"}') == pytest.approx(0.0152)
