"""
Greeter: a small HTTP service that greets people and adds numbers.
"""
