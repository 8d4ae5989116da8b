"""The text is what both formats' own parsers read back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

from exporters.text import accepts_gzip, escape, header, labels, lines, negotiate, number, unit_of
from stream.catalogue import METRIC_BY_NAME, Metric

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
FIGURES = st.one_of(st.none(), st.integers(-(2**53), 2**53), st.floats())


def _samples(text: str):
    (prometheus,) = parse_prometheus("# TYPE a gauge\n" + text)
    (openmetrics,) = parse_openmetrics("# TYPE a gauge\n" + text + "# EOF\n")
    assert prometheus.samples == openmetrics.samples
    return prometheus.samples


@given(ANY_TEXT)
@example('\\"\n')
@example("\\n")
@example('a",b="c')
@example("\r\u2028\x85\x00")
@example("第一次 🎉")
def test_a_label_value_comes_back_as_it_was(value: str):
    """Quotes, backslashes and line ends are escaped, and nothing else is touched."""
    (sample,) = _samples(f"a{{{labels({'title': value})}}} 1\n")
    assert sample.labels == {"title": value}


def test_half_a_surrogate_pair_does_not_break_the_page():
    assert escape("a\ud83d") == "a?"


@given(st.lists(FIGURES, max_size=8))
def test_a_figure_comes_back_exactly_and_no_data_is_no_line(figures: list[float | None]):
    keys = [f"r{number}" for number in range(len(figures))]
    expected = {k: f for k, f in zip(keys, figures, strict=True) if f is not None and math.isfinite(f)}
    text = lines('a{room_id="', keys, '",window="10s"} ', figures).decode()
    assert text.count("\n") == len(expected)
    if text:
        assert {s.labels["room_id"]: s.value for s in _samples(text)} == expected


@given(st.lists(st.one_of(st.none(), st.floats()), max_size=8))
def test_an_array_gives_the_lines_that_its_numbers_give(figures: list[float | None]):
    keys = [f"r{number}" for number in range(len(figures))]
    assert lines("a{b=", keys, "} ", np.array(figures, np.float64)) == lines("a{b=", keys, "} ", figures)


def test_a_number_that_is_not_finite_is_null():
    assert [number(value) for value in (1, 0.5, math.nan, math.inf)] == ["1", "0.5", "null", "null"]


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "prometheus"),
        ("*/*", "prometheus"),
        ("text/plain;version=0.0.4", "prometheus"),
        ("application/openmetrics-text", "openmetrics"),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", "openmetrics"),
        ("application/openmetrics-text;version=2.0.0", "prometheus"),
        ("application/openmetrics-text;q=0", "prometheus"),
        ("application/openmetrics-text;q=0.4,text/plain;q=0.5", "prometheus"),
        ("application/openmetrics-text;q=nonsense", "prometheus"),
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/*",
            "openmetrics",
        ),
    ],
)
def test_the_format_is_the_one_that_the_reader_prefers(accept: str, form: str):
    assert negotiate(accept) == form


@pytest.mark.parametrize(
    ("accept_encoding", "wanted"),
    [("", False), ("gzip", True), ("br, GZIP;q=0.8", True), ("gzip;q=0", False), ("deflate", False)],
)
def test_gzip_is_sent_only_when_asked_for(accept_encoding: str, *, wanted: bool):
    assert accepts_gzip(accept_encoding) is wanted


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("live_gmv_yuan_total", "yuan"),
        ("live_stall_ratio", "ratio"),
        ("live_feed_age_seconds", "seconds"),
        ("live_viewers", None),
        ("live_frames_per_second", None),
        ("live_stalls_per_100_seconds", None),
    ],
)
def test_the_unit_is_the_end_of_the_name_unless_it_is_a_rate(name: str, unit: str | None):
    assert unit_of(name) == unit


def test_a_counter_opens_without_its_suffix_in_openmetrics_only():
    metric = METRIC_BY_NAME["live_gmv_yuan_total"]
    assert header(metric, "prometheus").splitlines()[1] == "# TYPE live_gmv_yuan_total counter"
    assert header(metric, "openmetrics").splitlines()[1:] == [
        "# TYPE live_gmv_yuan counter",
        "# UNIT live_gmv_yuan yuan",
    ]


def test_the_facts_are_an_info_family_in_openmetrics_only():
    metric = METRIC_BY_NAME["live_room_info"]
    assert header(metric, "prometheus").splitlines()[1] == "# TYPE live_room_info gauge"
    assert header(metric, "openmetrics").splitlines()[1:] == ["# TYPE live_room info"]


@given(ANY_TEXT)
@example('\\"\n')
def test_a_help_text_stays_on_its_line(text: str):
    metric = Metric("a", "gauge", text, "", ())
    for form, end in (("prometheus", ""), ("openmetrics", "# EOF\n")):
        opened = header(metric, form)  # type: ignore[arg-type] # a literal of the table
        assert opened.count("\n") == 2
        parse = parse_openmetrics if end else parse_prometheus
        assert len(list(parse(f"{opened}a 1\n{end}"))) == 1
