"""Tests of the lab. A package, so that pytest finds `lab` by itself: .venv/bin/python -m pytest bench"""
