"""A server's life in this process: it starts, serves an app, and ends. Finding the app is the part of `loading`."""
