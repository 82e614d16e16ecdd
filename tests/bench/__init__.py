"""
Benchmarks: `make bench`, `make bench ONLY=intake`, `make bench JSON=FILE`.

A module named `bench_<subject>` has `figures()`, an asynchronous iterator (or a coroutine with
a list) of `Figure`; nothing else is needed for it to be found and run.
"""
