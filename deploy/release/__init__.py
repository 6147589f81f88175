"""What a release needs: wheels and tarballs, versions, the documentation site, the bill of materials, fuzzing."""
