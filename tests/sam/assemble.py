"""Makes of built binaries what `sam build` would: a folder for each function with its `bootstrap`, and the template that names them.

    assemble.py TEMPLATE BINARIES FOLDER [--zips]

With --zips, cargo-lambda's zips are taken as they are, as for a release. A hyphen for BINARIES puts the function's name in the place
of each: enough to deploy where nothing is run, and quickly packed.
"""

import os
import shutil
import sys
from pathlib import Path

from samcli.yamlhelper import yaml_dump, yaml_parse


def main(template, binaries, folder, zips=False):
    parsed = yaml_parse(Path(template).read_text())
    folder.mkdir(parents=True, exist_ok=True)
    for name, resource in parsed["Resources"].items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        if zips:
            crate = resource["Metadata"].pop("BuildProperties")["Binary"]
            resource.pop("Metadata")
            shutil.copy2(binaries / crate / "bootstrap.zip", folder / f"{crate}.zip")
            resource["Properties"]["CodeUri"] = f"{crate}.zip"
            continue
        bootstrap = folder / name / "bootstrap"
        bootstrap.parent.mkdir(exist_ok=True)
        bootstrap.unlink(missing_ok=True)
        resource["Properties"]["CodeUri"] = name
        if str(binaries) == "-":
            bootstrap.write_text(name)
            continue
        binary = binaries / resource["Metadata"]["BuildProperties"]["Binary"]
        try:
            os.link(binary, bootstrap)
        except OSError:
            shutil.copy2(binary, bootstrap)
    parsed["Globals"]["Function"].pop("CodeUri")
    (folder / "template.yaml").write_text(yaml_dump(parsed))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:] == ["--zips"])
