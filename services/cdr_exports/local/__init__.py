"""The whole stack on one Linux machine, from wheels alone: servers, services, and the supervisor that keeps them."""
