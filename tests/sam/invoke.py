"""Gives each function its sample event in a container of SAM's, and compares what it answers with events/README.md.

    invoke.py SAM LOG OPTIONS_OF_SAM_LOCAL_INVOKE…
"""

import itertools
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from samcli.yamlhelper import yaml_parse

ROW = re.compile(r"^\| ([a-z-]+) \| (\d+|no failures|done) \|", re.M)


def main(sam, log, options):
    documented = dict(ROW.findall(Path("events/README.md").read_text()))
    resources = yaml_parse(Path("template.yaml").read_text())["Resources"]
    functions = {
        resource["Metadata"]["BuildProperties"]["Binary"]: name
        for name, resource in resources.items() if resource["Type"] == "AWS::Serverless::Function"}
    if documented.keys() != functions.keys():
        sys.exit(f"events/README.md and template.yaml differ: {sorted(documented.keys() ^ functions.keys())}")

    def invoke(name):
        command = [sam, "local", "invoke", functions[name], "--event", f"events/{name}.json", *options]
        return name, subprocess.run(command, capture_output=True, text=True)

    first, *rest = sorted(functions)
    wrong = []
    with open(log, "w") as record, ThreadPoolExecutor(3) as pool:
        # The first builds SAM's image, for which the others would race.
        for name, ran in itertools.chain([invoke(first)], pool.map(invoke, rest)):
            said = answer(ran.stdout)
            line = f"{name:24} {said:12} documented: {documented[name]}"
            print(line, flush=True)
            record.write(f"$ sam local invoke {functions[name]} --event events/{name}.json\n{ran.stderr}{ran.stdout}\n=> {line}\n\n")
            if said != documented[name]:
                wrong.append(f"{line}\n{ran.stderr[-1500:]}{ran.stdout[-500:]}")
    if wrong:
        sys.exit("\n".join(wrong))


def answer(text):
    """The last line that is JSON is what the function answered."""
    for line in reversed(text.strip().splitlines()):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if "errorType" in value:
            return "an error"
        if "statusCode" in value:
            return str(value["statusCode"])
        if "batchItemFailures" in value:
            return "no failures" if value["batchItemFailures"] == [] else "failures"
        return "done"
    # A scheduled function answers with null or its summary.
    return "done" if text.strip().endswith("null") else "nothing"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
