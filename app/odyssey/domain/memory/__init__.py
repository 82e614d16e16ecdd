"""
What Odyssey remembers, as values and pure functions.

Reading order: `record` (what is kept), `masking` and `retention` (what never is),
`terms` and `stemming` (how text becomes words to search for), `chunks` (how it
becomes pieces to embed), `keys` (what a record is found by), `asking` and
`time_window` (what a question looks for), `fusion` (how several rankings become
one), `observation` and `consolidation` (what many records together say),
`locomo` (a file to measure recall on).
"""
