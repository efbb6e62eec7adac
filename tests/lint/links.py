"""Links in the documents lead somewhere: to a file of the project, and to a
heading when they name one."""

import os
import re

import tree

LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\)"
                  r"|^\[[^\]]+\]:\s*(\S+)", re.M)


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


def findings(files):
    messages = []
    for path, text in files.items():
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
}

if __name__ == "__main__":
    GOOD = {"a.md": "# One Two: `x`\n[a](#one-two-x) `[b](c)`\n"}
    assert not findings(GOOD), findings(GOOD)
    tree.run(findings, BAD, (".md",))
