"""The options of uvicorn, granian, gunicorn and hypercorn, and what becomes of each here.

`row` says what a row is, a file for each subject has the rows, `table` puts them together and looks one up. Only a
command line with an option that is not ours imports any of it.
"""
