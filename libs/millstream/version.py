"""The version of the whole distribution: services, SDK and command line are released together."""

__version__ = "0.1.0"
