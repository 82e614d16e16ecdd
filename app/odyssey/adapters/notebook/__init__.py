"""
Notebooks in SQLite: what is derived from records, and control data, for each tenant.

Reading order: `database` (files, transactions, how a part adds its tables), `parts` (which
parts there are), then one module for each part.
"""
