"""The media signer: lets browsers put files into object storage, and believes only what the storage then holds.

    gateway --media:requests (stream)--> signer --node:{N} (channel)--> gateway

A request is `sign` (a form that stores exactly one object of the announced type and size under `incoming/`), `complete`
(move what was stored to its final key, where no form reaches it, and read type and dimensions from its bytes) or `url`
(a fresh download link). File bytes never pass through here, but for the first kilobytes that `complete` looks at.

Any number of signers share the work through a consumer group, and any may die: another claims what it left. From pure
to real:

* `policy`   which files are welcome, how their names and keys look (pure)
* `probe`    what the first bytes of a file say it is (pure)
* `records`  the state of one upload, changed only by the scripts `upload_*.lua` and `media_*.lua`
* `storage`  object storage: the only user of aioboto3
* `bus`      requests in, replies out: the only user of redis
* `service`  the three requests, as one reads them above
* `signer`   the loop: many requests at once, each within its deadline
* `sweep`    collects what was never completed
* `observe`, `config`, `app`
"""
