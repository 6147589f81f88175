"""The signer and the object storage, also behind nginx."""
