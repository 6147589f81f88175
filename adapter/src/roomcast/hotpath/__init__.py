"""Compile the modules that run for every message and delivery; the plain and the compiled form have one source.

Such a module is a plain `.py` file in its natural folder, with a `.pxd` of the same name beside it that gives Cython
the C types of its classes (Cython: "augmenting .pxd"; aiohttp's `_websocket/reader_py.py` works the same way). Leaf
functions that need C have a `.pyx` beside the `.py`. The last line of each such module is `prefer_compiled(__name__)`.

    choice    loads the compiled form of a module, if it was built from the very source beside it
    build     compiles: `python -m roomcast.hotpath.build`, which `make compile` runs
    sources   finds the modules, their dependencies and their fingerprints

A compiled module lies in the folder `_compiled` beside its source, and has the fingerprint of the source in its name:
a stale build is never loaded.
"""
