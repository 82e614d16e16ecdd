"""
What is derived from records and kept beside them: one module for each thing done with it.
"""
