"""One program per system, run by that system's own interpreter: standard library and the system
itself, nothing of Millstream (but for Millstream's own)."""
