"""
What Odyssey remembers, as values and pure functions.

Reading order: `record` (what is kept), `masking` (what never is), `terms` and
`stemming` (how text becomes words to search for), `chunks` (how it becomes
pieces to embed), `fusion` (how several rankings become one).
"""
