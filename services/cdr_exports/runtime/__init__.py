"""How a process of ours runs, and the one door to each client library it needs."""
