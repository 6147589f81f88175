"""The signer, the storage and the guard in front of the storage."""
