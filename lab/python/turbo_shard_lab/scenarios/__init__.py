"""The scenarios of a checkout: what the files of bench/scenarios/ say, planned, run, and put into results and docs.

The scripts of bench/ are its commands; they run in the checkout.
"""
