"""Runs: the only package that knows Prefect, files, settings and the clock."""
