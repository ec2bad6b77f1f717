"""The sensor of the node agent: reads its content, compares it with the host, and dies of content that it cannot read.

It is a program of its own, started by the agent as `python -I -S sensor.py FILE`, and knows nothing of the shop. Nothing in it
checks the content first: a template that names an input which is not there is an IndexError, and a content file that is no
JSON a JSONDecodeError, and either ends the process. FILE holds a JSON object, with the text of each content file by its name
under `files`.
"""

import json
import os
import sys

READY = "ready\n"


def inputs() -> list[str]:
    """Return what the templates look at: twenty facts about the host."""
    host = os.uname()
    load = os.getloadavg()
    disk = os.statvfs("/")
    return [
        *(host.sysname, host.nodename, host.release, host.version, host.machine),
        *(str(value) for value in load),
        *(str(value) for value in (disk.f_bsize, disk.f_blocks, disk.f_bfree, disk.f_files, disk.f_ffree)),
        *(str(value) for value in (os.cpu_count(), os.getpid(), os.getppid(), os.getuid(), os.getgid(), os.getpgrp())),
        sys.version,
    ]


def findings(content: dict[str, str], facts: list[str]) -> list[str]:
    """Return the names of the templates that fit the host."""
    templates = [template for name in sorted(content) for template in json.loads(content[name])["templates"]]
    return [template["name"] for template in templates if template["contains"] in facts[template["input"]]]


def main() -> None:
    """Read the content, say that it is read, and stay until the agent is gone."""
    with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123 - pathlib takes longer to import than all of this to run
        content = json.load(file)
    findings(content["files"], inputs())
    sys.stdout.write(READY)
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
