"""What each kind of command leads to: a module for each noun, called by ``decide`` alone."""
