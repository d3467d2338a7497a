"""Two of every service on one set of servers, killed and restarted under load."""
