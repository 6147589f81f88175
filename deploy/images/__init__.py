"""Build the images without a container engine, and try compose.yaml with them: `make images`.

Debian's buildah builds every target of the Dockerfile; Debian's podman starts the services. Where an image registry can
be reached, `docker compose up --build` is all that is needed. This package is for places without a registry, such as a
closed network: the base images are then substitutes made of Debian's packages (`bases.Dockerfile`), under the names
that the Dockerfile uses.
"""
