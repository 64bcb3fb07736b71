"""The walk of a news text from a document to clustered stories, without I/O.

Text goes in, records come out: nothing here reads a file, a clock, a random
source or the environment. `pipeline.walk` shows the whole way in memory.
"""
