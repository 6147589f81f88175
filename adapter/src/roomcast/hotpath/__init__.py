"""Compile the modules that run for every message and delivery. The plain and the compiled form have the same source.

Such a module is a plain `.py` file in its natural folder, with a `.pxd` of the same name beside it that gives Cython
the C types of its classes (Cython: "augmenting .pxd"; aiohttp's `_websocket/reader_py.py` works the same way). Leaf
functions that need C have a `.pyx` beside the `.py`. The last line of each such module is `prefer_compiled(__name__)`.

    module_loader   loads the compiled form of a module, if it was built from the current source
    build           compiles: `python -m roomcast.hotpath.build`, which `make compile` runs
    sources         finds the modules, their dependencies and their fingerprints

A compiled module is in the folder `_compiled` beside its source. Its name contains the fingerprint of the source, so
that an outdated build is never loaded.
"""
