"""
The kinds of events in memory that do not come from a proposal's own states.
"""

from __future__ import annotations

NOTE = "note"
"""What a person asked to be remembered, with `/odyssey remember`."""
COMMENT = "comment"
"""A comment with a command, or one at a proposal."""
REVIEW = "review"
"""A review of a proposal with its words, or a comment beside the diff."""
REPORT = "report"
"""What the sandbox passed."""
ENTRY = "semantic"
"""An entry of the REST API's `/memory/semantic/add`."""
