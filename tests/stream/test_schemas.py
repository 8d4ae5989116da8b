from pathlib import Path

import jsonschema
import pytest

from stream.model import FEEDS
from stream.schemas import schema
from stream.sources.feeds import schema_text

DOCS = Path(__file__).parents[2] / "docs" / "schemas"


@pytest.mark.parametrize("feed", FEEDS)
def test_the_documented_schema_is_the_models(feed):
    """Write them anew with ``roomwatch feeds --schemas docs/schemas``."""
    assert (DOCS / f"live.{feed}.json").read_text(encoding="utf-8") == schema_text(feed)


def test_no_schema_is_left_over():
    assert {path.stem for path in DOCS.iterdir()} == {f"live.{feed}" for feed in FEEDS}


@pytest.mark.parametrize("feed", FEEDS)
def test_schemas_are_schemas(feed):
    jsonschema.Draft202012Validator.check_schema(schema(feed))
