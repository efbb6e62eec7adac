"""Links in the documents lead somewhere: to a file of the project, and to a
heading when they name one. Each promise of the threat model names its tests'
files; a folder holds no promise."""

import os
import re

import tree

LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\)"
                  r"|^\[[^\]]+\]:\s*(\S+)", re.M)

PROMISES = "docs/threat-model.md"


def without_code(text):
    text = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(text):
    """The headings' names, as the common renderers make them."""
    names, seen = set(), {}
    text = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.M | re.S)
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*#*$", text, re.M):
        name = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", name).replace(" ", "-")
        count = seen.get(name, 0)
        seen[name] = count + 1
        names.add(f"{name}-{count}" if count else name)
    return names | set(re.findall(r'<a (?:name|id)="([^"]+)"', text))


def promises(path, text):
    """Each numbered row of the promises' table links files only."""
    for row in re.findall(r"^\|\s*(\d+)\s*\|(.*)$", text, re.M):
        targets = [one or two for one, two in LINK.findall(row[1])]
        places = [os.path.join(tree.ROOT, os.path.dirname(path), target)
                  for target in targets]
        if not any(os.path.isfile(place) for place in places):
            yield f"{path}: promise {row[0]} names no test file"
        for target, place in zip(targets, places):
            if os.path.isdir(place):
                yield (f"{path}: promise {row[0]} names the folder {target}; "
                       "name the test's file")


def findings(files):
    messages = []
    for path, text in files.items():
        if path == PROMISES:
            messages += promises(path, text)
        for match in LINK.finditer(without_code(text)):
            target = match.group(1) or match.group(2)
            if re.match(r"[a-z]+:", target):
                continue
            place, _, anchor = target.partition("#")
            full = path if not place else os.path.normpath(
                os.path.join(os.path.dirname(path), place))
            if full not in files and not os.path.exists(
                    os.path.join(tree.ROOT, full)):
                messages.append(f"{path}: dead link to {target}")
            elif anchor and full in files \
                    and anchor not in anchors(files[full]):
                messages.append(f"{path}: no such heading: {target}")
    return messages


BAD = {
    "a dead link": {"docs/a.md": "see [this](no-such-file.md)\n"},
    "a dead reference": {"docs/a.md": "[this]: no-such-file.md\n"},
    "a missing heading": {"docs/a.md": "# One\n[two](#two)\n"},
    "a missing heading, by the file's name":
        {"docs/a.md": "# One\n[two](a.md#two)\n"},
    "a promise held by a folder":
        {PROMISES: "| 1 | safe | [links](../tests/lint/links.py), "
                   "[lint](../tests/lint) |\n"},
    "a promise held by nothing": {PROMISES: "| 1 | safe | surely |\n"},
}

if __name__ == "__main__":
    GOOD = {"a.md": "# One Two: `x`\n[a](#one-two-x) `[b](c)`\n"}
    assert not findings(GOOD), findings(GOOD)
    tree.run(findings, BAD, (".md",))
