"""The same workloads on other systems and on Millstream, in turns, in one run on one machine."""
