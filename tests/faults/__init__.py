"""A suite of faults: operations on a real federation, each harmed while it is under way, and checked afterwards.

``make faults``, or for a part of it ``PYTHONPATH=tests:tests/support python -m faults --scheme tcp --seconds 60``.

:mod:`.worker` is the client under test, several processes of it, each with a way of its own to the server
(:mod:`.fault_proxy`). :mod:`.trials` says which operations and faults there are, and runs one against the other.
:mod:`.judge` compares what the client was told with what the server has. :mod:`.run` runs many, :mod:`.report` counts
them, and :mod:`.soak` is a long run with connections cut again and again.
"""
