"""A small script as a user writes it; the whole process is measured from outside, from its start to its exit."""

import importlib
import sys
from pathlib import Path

api = importlib.import_module(sys.argv[1])
session = api.new_secure_session(Path(sys.argv[2]).name, sys.argv[2])
try:
    jobs = session.list_jobs()
finally:
    session.close()
print(len(jobs))
