"""Serve the contract to back ends in any language: the HTTP API.

config          reads environment variables          app          composes the process
application     builds the FastAPI application       server       runs it on uvicorn
authentication  finds the API key of a request, and charges the request to the key's rate
problems        turns error codes into problem+json  guard        limits, request ids, and answers for exceptions
routes          endpoints, one module per subject    models       the JSON of requests and answers
metrics         counts and logs                      cursors      encodes the cursors of history
parts           the objects that endpoints share     queries      refuses wrong query parameters

The process keeps no state. It uses the cluster only through `roomcast.contract.backend`, so that every rule about rooms
and messages is in the contract.
"""
