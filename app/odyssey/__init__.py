"""
Odyssey changes code the way a good colleague does.

Read the package in this order:

1. `domain`     what Odyssey decides: commands, changes, policy, the merge gate
2. `ports`      what it needs from outside, as contracts
3. `handlers`   one module for each thing it does: propose, reconcile, reject ...
4. `adapters`   one third-party client for each file: GitHub, Redis, SQLite ...
5. `bootstrap`  settings become ports; the only place that chooses
6. `web`, `worker`   deliveries and the REST API come in; deliveries are worked off
7. `simulator`  a GitHub on this machine, with real git and a real Actions runner
8. `scenario`, `demo`   Odyssey wired to the simulator, and the story it plays
"""

__version__ = "0.1.0"
