"""One base URL for customers: the routes of ingress and of projection in one ASGI application."""
