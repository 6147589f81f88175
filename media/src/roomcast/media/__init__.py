"""The media signer: sign forms for uploads from browsers to object storage, and verify the stored bytes.

    gateway --media:requests (stream)--> signer --node:{N} (channel)--> gateway

A request is `sign` (make a form that stores exactly one object of the announced type and size under `incoming/`),
`complete` (copy the object to its final key, where no form can write, and read type and dimensions from its bytes) or
`url` (make a fresh download link). File bytes do not pass through the signer, except the start of a file, which
`complete` reads.

Any number of signers share the work through a consumer group. If a signer dies, another claims its requests. The
modules, pure ones first:

* `file_types`      the list of accepted types, with their aliases and extensions (pure)
* `file_names`      refuses names, and writes names into headers (pure)
* `policy`          decides which files a deployment accepts, and under which keys (pure)
* `detection`       detects the type of a file from its first bytes (pure)
* `dimensions`      reads the size of an image (pure)
* `records`         the state of each upload, changed only by the scripts `upload_*.lua` and `media_*.lua`
* `storage`         uses the object storage through the S3 protocol; `bucket` creates and configures the bucket
* `storage_health`  watches whether the storage accepts the signer's requests
* `bus`             reads requests and sends replies; the only module that uses redis
* `service`         answers the three kinds of requests
* `signer`          the loop: handles many requests at once, each within its deadline
* `sweep`           deletes uploads that were never completed
* `metrics`         counts the work of a signer
* `config`, `app`   read the environment variables, and compose the process
"""
