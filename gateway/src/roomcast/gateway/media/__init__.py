"""Ask the media signers for upload forms and for verification."""
