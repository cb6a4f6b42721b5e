"""A client for tests of apps that needs no socket; the app is served within the client's own thread."""
