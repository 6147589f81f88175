"""Build the images without a container engine, and test compose.yaml with them: `make images`.

Debian's buildah builds every target of the Dockerfile; Debian's podman starts the services. With an image registry,
`docker compose up --build` is enough. This package is for machines without a registry, such as a closed network. It
replaces the base images with substitutes made of Debian's packages (`bases.Dockerfile`), under the same names.
"""
