"""A list of all crates that the functions are made of, as CycloneDX 1.5, from what `cargo metadata` says.

    sbom.py METADATA VERSION

METADATA is a file, or a hyphen for standard input.
"""

import json
import sys
from pathlib import Path


def components(metadata):
    """Crates that the functions are built from: not what tests and `local` need alone."""
    by_id = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    packages = {package["id"]: package for package in metadata["packages"]}
    wanted = [package["id"] for package in metadata["packages"] if "/functions/" in package["manifest_path"]]
    seen = set()
    while wanted:
        current = wanted.pop()
        if current in seen:
            continue
        seen.add(current)
        for dependency in by_id[current]["deps"]:
            if any(kind["kind"] in (None, "build") for kind in dependency["dep_kinds"]):
                wanted.append(dependency["pkg"])
    for package in sorted((packages[id] for id in seen), key=lambda package: (package["name"], package["version"])):
        # Our own have no source.
        if package["source"]:
            yield {
                "type": "library", "name": package["name"], "version": package["version"],
                "purl": f"pkg:cargo/{package['name']}@{package['version']}",
                **({"licenses": [{"expression": package["license"].replace("/", " OR ")}]} if package["license"] else {})}


def main(metadata, version):
    said = json.load(sys.stdin) if metadata == "-" else json.loads(Path(metadata).read_text())
    found = list(components(said))
    if not found:
        sys.exit("no crates: are these the metadata of the bundle?")
    document = {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"component": {"type": "application", "name": "pigeonpost", "version": version}},
        "components": found}
    json.dump(document, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main(*sys.argv[1:])
