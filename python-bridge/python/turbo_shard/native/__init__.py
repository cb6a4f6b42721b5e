"""The package's own API for apps: App and routes, parameters, requests' parts and answers. Knows no server."""
