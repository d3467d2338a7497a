"""The pure core: what a DAG is, what may happen to it, and what follows from that.

Nothing here reads a clock, draws a random number, waits, or touches a disk or a network:
``now`` and ids are arguments, and the result is always a list of events.
"""
