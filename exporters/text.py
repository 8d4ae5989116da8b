"""Prometheus text 0.0.4 and OpenMetrics 1.0 as strings; pure.

Ours, because a library that builds an object for each sample needs fifty times as long: here one column of
all rooms is one piece. Values are written by orjson, whose shortest form of a float both formats read
back exactly; no data, and what is not finite, is no sample.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import compress
from typing import Final, Literal

import numpy as np
import orjson
from numpy.typing import NDArray

from stream.catalogue import Metric

__all__ = [
    "CONTENT_TYPE",
    "Format",
    "accepts_gzip",
    "escape",
    "header",
    "histogram",
    "labels",
    "lines",
    "negotiate",
    "number",
    "unit_of",
]

Format = Literal["prometheus", "openmetrics"]

CONTENT_TYPE: Final[dict[Format, str]] = {
    "prometheus": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}
_UNITS: Final = ("seconds", "bytes", "ratio", "yuan")
_RATE: Final = re.compile(r"_per_(?:\d+_)?$")
_SPECIAL: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_SPECIAL_HELP: Final = str.maketrans({"\\": "\\\\", "\n": "\\n"})
_ESCAPED_MAX: Final = 65_536
"""Label values whose escaped form is remembered: rules, sources, and the facts of some ten thousand rooms."""
_PARTS: Final = 4
"""Of a line: before, key, after, figure."""


def negotiate(accept: str) -> Format:
    """Return the format that an ``Accept`` header prefers; Prometheus text when it says nothing."""
    wanted = {"openmetrics": 0.0, "prometheus": 0.0}
    for part in accept.lower().split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        given = dict(piece.split("=", 1) for piece in parameters if "=" in piece)
        weight = _weight(given.get("q", "1"))
        if kind == "application/openmetrics-text" and given.get("version", "1.0.0") == "1.0.0":
            wanted["openmetrics"] = max(wanted["openmetrics"], weight)
        elif kind == "text/plain":
            wanted["prometheus"] = max(wanted["prometheus"], weight)
    return "openmetrics" if 0.0 < wanted["openmetrics"] >= wanted["prometheus"] else "prometheus"


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an ``Accept-Encoding`` header names gzip without refusing it."""
    for part in accept_encoding.lower().split(","):
        coding, _, parameter = part.partition(";")
        if coding.strip() == "gzip":
            return _weight(parameter.strip().removeprefix("q=") or "1") > 0
    return False


def unit_of(name: str) -> str | None:
    """Return the unit that ends a metric's name, or None; a rate per second has none."""
    base, _, last = name.removesuffix("_total").rpartition("_")
    return last if last in _UNITS and not _RATE.search(base + "_") else None


def header(metric: Metric, form: Format) -> str:
    """Return the lines that open a family: what it means, its type and, in OpenMetrics, its unit."""
    if form == "prometheus":
        text = metric.help.translate(_SPECIAL_HELP)
        return f"# HELP {metric.name} {text}\n# TYPE {metric.name} {metric.type}\n"
    family, kind = metric.name.removesuffix("_total"), str(metric.type)
    if family.endswith("_info"):
        family, kind = family.removesuffix("_info"), "info"
    unit = unit_of(metric.name)
    last = f"# UNIT {family} {unit}\n" if unit else ""
    return f"# HELP {family} {metric.help.translate(_SPECIAL)}\n# TYPE {family} {kind}\n{last}"


@lru_cache(maxsize=_ESCAPED_MAX)
def escape(value: str) -> str:
    """Return a label value as it stands between quotes; half of a surrogate pair becomes a question mark."""
    return value.translate(_SPECIAL).encode("utf-8", "replace").decode()


def labels(pairs: Mapping[str, str]) -> str:
    """Return ``a="1",b="2"`` in the order given."""
    return ",".join(f'{name}="{escape(value)}"' for name, value in pairs.items())


def lines(
    before: str, keys: Sequence[str], after: str, figures: Sequence[float | None] | NDArray[np.float64]
) -> bytes:
    """Return one line for each key that has a figure: before, key, after, figure.

    All figures are written at once, and the lines are joined once: nothing of ours runs line by line.

    Args:
        before: what stands before the key: name, brace, label and quote.
        keys: escaped label values, as many as figures.
        after: what stands between key and figure: quote, more labels, brace, blank.
        figures: None is no line, and neither is what is not finite.
    """
    raw = orjson.dumps(figures, option=orjson.OPT_SERIALIZE_NUMPY)
    texts = raw[1:-1].decode().split(",") if len(figures) else []
    if b"null" in raw:
        told = [text != "null" for text in texts]
        keys, texts = list(compress(keys, told)), list(compress(texts, told))
    number_of_lines = len(texts)
    if not number_of_lines:
        return b""
    parts = ["\n" + before] * (_PARTS * number_of_lines)
    parts[0] = before
    parts[1::_PARTS] = keys
    parts[2::_PARTS] = [after] * number_of_lines
    parts[3::_PARTS] = texts
    parts.append("\n")
    return "".join(parts).encode()


def number(value: float) -> str:
    """Return one value; ``null`` when it is not finite."""
    return orjson.dumps(value).decode()


def histogram(name: str, named: str, figure: Mapping[str, float]) -> bytes:
    """Return the buckets, the sum and the number of events of one histogram.

    Args:
        name: of the family.
        named: labels as they stand between braces, ``le`` aside.
        figure: upper bound -> events up to it, rising and ending with ``+Inf``; and, last, ``sum``.
    """
    buckets, _, total = orjson.dumps(figure)[2:-1].rpartition(b',"sum":')
    opening = f'{name}_bucket{{{named},le="'.encode()
    buckets = buckets.replace(b',"', b"\n" + opening).replace(b'":', b'"} ')
    events = buckets.rpartition(b" ")[2]
    own = f"{{{named}}} ".encode()
    family = name.encode()
    return b"%b%b\n%b_sum%b%b\n%b_count%b%b\n" % (opening, buckets, family, own, total, family, own, events)


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
