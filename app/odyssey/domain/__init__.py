"""
What Odyssey decides, as values: no network, no clock, no client library.

Reading order: `identifiers`, `errors`, `events` (what happened); `commands` with
`comment_lines` and `change_blocks` (what a comment asks for); `change` with `paths`,
`unified_diff` and `hidden_characters` (what may be proposed); `policy`, `pull_request`,
`report`, `proposal` (the facts); `gate` with `conditions` (what follows from them);
`comments` with `proposal_text`, `status_text`, `markup` and `markers` (how it is said);
`memory` (what stays).
"""
