"""
The stand-in for real runs: what it leaves is taken for what the Action leaves.
"""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest

from odyssey.adapters.github_artifacts import member_of
from odyssey.domain.report import parse_report
from schedules.executor import Verdict, archive_of, report_for

SCHEMA = json.loads((Path(__file__).parents[2] / "action" / "report.schema.json").read_text())
SHA = "f" * 40
REPORTS = [each for each in Verdict if each not in (Verdict.SILENT, Verdict.GARBAGE)]


@pytest.mark.parametrize("verdict", REPORTS)
def test_a_report_fits_the_schema_and_is_read(verdict: Verdict) -> None:
    """By the schema that the Action's own reports fit, and by the parser that reads those."""
    content = report_for(verdict, SHA, "prop_aaaaaaaaaa")
    assert content is not None
    report = parse_report(member_of(archive_of(content)))

    jsonschema_rs.validator_for(SCHEMA).validate(json.loads(content))
    assert report.is_success == (verdict is not Verdict.FAIL)
    assert (report.head_sha == SHA) == (verdict is not Verdict.FORGED)
