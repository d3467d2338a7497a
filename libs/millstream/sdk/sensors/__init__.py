"""Tasks that wait for something: time, files, commands, functions, other DAGs."""
