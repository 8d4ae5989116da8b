"""Files that people name on the command line."""

from __future__ import annotations

import pytest

from alerts.backtest.inputs import read_rules
from stream.errors import SettingsError


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        read_rules(tmp_path / "none.yaml")
