"""Readers of a job's result: from the bytes and names of its files to frozen, plain data. Pure.

The files were written by other people's code: names are made safe to show, numbers are finite, and everything is
bounded.
"""
