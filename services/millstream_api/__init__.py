"""The gRPC side of Millstream: takes commands to the scheduler, answers reads, streams events."""
