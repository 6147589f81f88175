"""Let browsers put files into object storage, and believe only what the storage then holds: the media signer.

    gateway --media:requests (stream)--> signer --node:{N} (channel)--> gateway

A request is `sign` (a form that stores exactly one object of the announced type and size under `incoming/`), `complete`
(move what was stored to its final key, where no form reaches it, and read type and dimensions from its bytes) or `url`
(a fresh download link). File bytes never pass through here, but for the first kilobytes that `complete` looks at.

Any number of signers share the work through a consumer group, and any may die: another claims what it left. From pure
to real:

* `file_types`      the one list of accepted types, with their aliases and extensions (pure)
* `file_names`      which names are refused, and how a name is written into a header (pure)
* `policy`          which files a deployment accepts, and under which keys (pure)
* `detection`       what the first bytes of a file say it is (pure)
* `dimensions`      how large an image is (pure)
* `records`         the state of one upload, changed only by the scripts `upload_*.lua` and `media_*.lua`
* `storage`         object storage by the S3 protocol; `bucket` sets it up
* `storage_health`  whether the storage accepts the signer's requests
* `bus`             requests in, replies out: the only user of redis
* `service`         the three requests, as described above
* `signer`          the loop: many requests at once, each within its deadline
* `sweep`           collects uploads that were never completed
* `observe`, `config`, `app`
"""
