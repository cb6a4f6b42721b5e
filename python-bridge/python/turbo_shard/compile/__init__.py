"""Makes native apps of other frameworks' apps: a package per framework."""
