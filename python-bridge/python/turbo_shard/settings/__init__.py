"""What a user can set: the table of options, what was given, and the settings that a server starts with."""
