"""From an HTTP request to its answer: sockets, guard, the operation asked for, the control surface, errors."""
