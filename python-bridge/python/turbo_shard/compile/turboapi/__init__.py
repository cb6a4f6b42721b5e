"""The front end of TurboAPI apps: makes a native App from one. Never imports TurboAPI itself.

docs/turboapi.md says what is honoured, what is refused and where answers differ.
"""
