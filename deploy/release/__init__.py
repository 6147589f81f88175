"""Make the parts of a release: wheels and tarballs, versions, documentation site, bill of materials, fuzzing."""
