"""Puts together what `sam deploy` takes: the zip of each function, and the template that names them.

    assemble.py TEMPLATE ZIPS FOLDER
"""

import shutil
import sys
from pathlib import Path

from samcli.yamlhelper import yaml_dump, yaml_parse


def main(template, zips, folder):
    parsed = yaml_parse(Path(template).read_text())
    folder.mkdir(parents=True, exist_ok=True)
    for resource in parsed["Resources"].values():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        # Nothing is left to build.
        crate = resource.pop("Metadata")["BuildProperties"]["Binary"]
        shutil.copy2(zips / crate / "bootstrap.zip", folder / f"{crate}.zip")
        resource["Properties"]["CodeUri"] = f"{crate}.zip"
    parsed["Globals"]["Function"].pop("CodeUri")
    (folder / "template.yaml").write_text(yaml_dump(parsed))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
