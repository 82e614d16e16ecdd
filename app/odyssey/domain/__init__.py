"""
What Odyssey decides, as values: no network, no clock, no client library.

Reading order: `identifiers`, `errors`, `events`, `commands`, `change`, `policy`,
`pull_request`, `proposal`, `gate`, `report`, `comments`, `memory`.
"""
