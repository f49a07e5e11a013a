"""Puts together what `sam deploy` takes: the code of each function, and the template that names it.

    assemble.py TEMPLATE CODE FOLDER

CODE is where a function's code is, with {} in the place of its crate's name. A zip goes as it is; a program becomes the `bootstrap` of
a folder, as `sam build` leaves it. Without {}, each function gets the same.
"""

import os
import shutil
import sys
from pathlib import Path

from samcli.yamlhelper import yaml_dump, yaml_parse


def main(template, code, folder):
    parsed = yaml_parse(Path(template).read_text())
    folder.mkdir(parents=True, exist_ok=True)
    for resource in parsed["Resources"].values():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        # Nothing is left to build.
        crate = resource.pop("Metadata")["BuildProperties"]["Binary"]
        source = Path(code.format(crate))
        placed = folder / (f"{crate}.zip" if source.suffix == ".zip" else f"{crate}/bootstrap")
        placed.parent.mkdir(exist_ok=True)
        place(source, placed)
        resource["Properties"]["CodeUri"] = placed.relative_to(folder).parts[0]
    parsed["Globals"]["Function"].pop("CodeUri")
    (folder / "template.yaml").write_text(yaml_dump(parsed))


def place(source, placed):
    """Programs are large, so they are not copied where one disk can hold them under two names."""
    try:
        os.link(source, placed)
    except OSError:
        shutil.copy2(source, placed)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
