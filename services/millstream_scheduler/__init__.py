"""The write side: takes commands and reports, decides, commits, relays. One active process a
shard."""
