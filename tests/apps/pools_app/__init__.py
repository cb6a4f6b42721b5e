"""An app that lets other processes and threads work for it, and hands them functions and objects of its own modules."""
