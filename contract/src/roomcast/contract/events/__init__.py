"""The protocol between browsers and gateways: events and their payloads.

* `client_events`  the table of all events of clients, each with its payload
* `server_events`  the names of the events that gateways send
* `fields`         the types of fields, and the base of all payloads

The other modules contain the payloads: `sign_in`, `rooms`, `messages`, `moderation`, `users`, `presence`, `media`.

Payloads of client events are `msgspec` structs. `msgspec.convert(payload, EVENTS[name])` validates a payload, and
raises `msgspec.ValidationError`. The error for an unknown field names the field. Times are milliseconds since the epoch
by Redis's clock, sizes are bytes, and durations are seconds. `roomcast.contract.limits` has the limits.
"""
