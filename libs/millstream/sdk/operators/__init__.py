"""The operators that come with Millstream, one a module."""
