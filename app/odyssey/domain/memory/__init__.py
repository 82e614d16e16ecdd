"""
What Odyssey remembers, as values and pure functions.

Reading order: `scope` (to whom a memory belongs), `record` (what is kept), `stored` (with
its vectors, and as a line of a file), `seed_backup` (older files), `masking` and
`retention` (what never is kept), `terms` and `stemming` (how text becomes words to
search for), `chunks` (how it becomes pieces to embed), `keys` (what a record is found
by), `asking` and `time_window` (what a question looks for), `fusion` (how several rankings become
one), `observation` and `consolidation` (what many records together say),
`tasks` (what was done, and what is like it), `task_kinds`, `indicators`, `confidence` and
`patterns` (what tasks have in common), `common_ground` (the same, unasked), `advice` (what
follows for a new task), `blocks` (what is always known), `happening` (what can be heard),
`locomo` (a file to measure recall on).
"""
