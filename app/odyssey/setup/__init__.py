"""
What `make setup`, `odyssey setup` and `odyssey doctor` do to, and ask of, this machine.
"""
