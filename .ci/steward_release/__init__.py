"""What is released and how: images, bills of materials, wheel, provenance.

Lives here: the list of images and their inputs, the calls of buildah and debootstrap, the reading
of image archives, and the documents that go with a release. The scripts beside this package
(`images.py`, `sbom.py`, `release.py`, `locks.py`) only parse arguments and print.
Nothing here is shipped, and only those scripts and tests/release import it.
"""
