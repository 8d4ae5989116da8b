"""Tests of what ``stream`` decides; what they share tells what differs, as tests do."""

import pytest

pytest.register_assert_rewrite("tests.stream.compare", "tests.stream.counted")
