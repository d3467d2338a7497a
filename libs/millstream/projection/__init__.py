"""What the log says of DAGs, runs and tasks, as rows: the read tables, and how things stood.

Pure: events in, rows out. The projector writes them, and the api asks for those of the past.
"""
