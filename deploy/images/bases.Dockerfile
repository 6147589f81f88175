# Substitutes for the base images of ../Dockerfile and ../compose.yaml, made of Debian's packages. Each target is one image.

FROM localhost/roomcast-debian:bookworm AS python
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates libpython3-dev python3 python3-pip \
        python3-venv \
    && rm -rf /var/lib/apt/lists/* /usr/lib/python3*/EXTERNALLY-MANAGED \
    && ln -s /usr/bin/python3 /usr/local/bin/python
# The machine's own certificates, if it has any: the machine may use a proxy whose certificate Debian does not trust.
COPY certificates.cr[t] /etc/ssl/certs/ca-certificates.crt
CMD ["python3"]

FROM localhost/roomcast-debian:bookworm AS redis
RUN apt-get update && apt-get install --yes --no-install-recommends redis-server redis-tools \
    && rm -rf /var/lib/apt/lists/* && mkdir -p /data && chown redis /data
USER redis
WORKDIR /data
CMD ["redis-server"]

FROM localhost/roomcast-debian:trixie AS node
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates nodejs && rm -rf /var/lib/apt/lists/*
COPY certificates.cr[t] /etc/ssl/certs/ca-certificates.crt
ADD npm.tgz /opt/npm
RUN ln -s /opt/npm/package/bin/npm-cli.js /usr/local/bin/npm && ln -s /opt/npm/package/bin/npx-cli.js /usr/local/bin/npx

FROM localhost/roomcast-debian:sid AS nginx
# Accept a mirror of Debian unstable that is some weeks old.
RUN apt-get --option Acquire::Check-Valid-Until=false update && apt-get install --yes --no-install-recommends gettext-base nginx wget && rm -rf /var/lib/apt/lists/*
COPY --chmod=755 nginx-entrypoint.sh /docker-entrypoint.sh
ENTRYPOINT ["/docker-entrypoint.sh"]
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]
