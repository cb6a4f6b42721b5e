"""Finds the app that a user names, says how it is called, and makes further instances of it. Serves nothing."""
