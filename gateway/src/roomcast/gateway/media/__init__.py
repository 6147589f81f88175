"""Ask the signers for upload forms, download URLs and the verification of uploads."""
