"""The likely alternatives to Roomcast, one module per kind, each in a configuration that suits it.

They take part in `make bench` when they can be installed: Centrifugo is built with Go, socketioxide with Rust, and Bun
comes from npm. Their programs and lock files are in `programs`. `make run` and `make test` need none of them.
"""
