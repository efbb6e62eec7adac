"""Calls that must not be used, each with what to use instead."""

import re

import tree

EVERYWHERE = [
    (r"\b(strcpy|strcat|strncpy|strncat)\s*\(", "std::string or std::memcpy "
     "with a checked size"),
    (r"\b(sprintf|vsprintf)\s*\(", "std::snprintf"),
    (r"\bgets\s*\(", "std::getline"),
    (r"\b(scanf|fscanf)\s*\(", "std::getline and std::from_chars"),
    (r"\b(atoi|atol|atoll|atof|strtok)\s*\(", "std::from_chars"),
    (r"(?<![\w.>])(rand|srand|random|srandom|drand48)\s*\(",
     "crypto/random.h, or a seeded std::mt19937 in tests"),
    (r"(?<![\w.>])(system|popen)\s*\(", "vault/os/spawn.h"),
    (r"\b(tmpnam|tempnam|mktemp)\s*\(", "mkstemp or mkdtemp"),
    (r"\balloca\s*\(", "std::array or std::vector"),
    (r"(?<!static_)\bassert\s*\(", "COFFER_CHECK, which is always on"),
    (r"#\s*include\s*<(c?assert)(\.h)?>", "crypto/base/check.h"),
    (r"\b(localtime|gmtime|ctime|asctime)\s*\(", "crypto/base/time_text.h"),
    (r"\bgoto\b", "a function"),
]
# (path prefixes, exceptions, pattern, replacement)
IN_PLACES = [
    # main's --version and the guidance of --dev are for the terminal.
    (("vault/", "crypto/"), ("vault/gate/main.cc", "vault/gate/dev.cc"),
     r"\bstd::cout\b|(?<!\w)printf\s*\(|\bputs\s*\(",
     "standard error; a daemon has no standard output"),
    (("crypto/", "vault/keeper/"), ("crypto/base/bytes.h",),
     r"\b(memcmp|bcmp)\s*\(|\bstrcmp\s*\(",
     "sodium_memcmp in crypto for secrets, base::Equal for public values"),
    (("crypto/", "vault/keeper/", "vault/wire/", "vault/os/"), (),
     r"\b(dynamic_cast|typeid|throw)\b|\btry\s*\{|\bcatch\s*\(",
     "Result; these rooms build without exceptions and RTTI"),
    (("vault/", "crypto/"), (), r"\bstd::(regex|random_device)\b",
     "crypto/random.h, getrandom, or a hand-written check"),
    # --dev forks the daemon before it opens anything.
    (("vault/",), ("vault/os/spawn.cc", "vault/gate/dev.cc"), r"(?<![\w.>:])(fork|vfork|execve?)"
     r"\s*\(", "vault/os/spawn.h"),
]


def findings(files):
    messages = []
    for path, text in files.items():
        code = tree.code_only(text)
        rules = list(EVERYWHERE)
        for prefixes, exceptions, pattern, instead in IN_PLACES:
            if path.startswith(prefixes) and path not in exceptions:
                rules.append((pattern, instead))
        for pattern, instead in rules:
            for match in re.finditer(pattern, code):
                line = code.count("\n", 0, match.start()) + 1
                call = match.group(0).strip().rstrip("(").strip()
                messages.append(f"{path}:{line}: {call} is banned here; use "
                                f"{instead}")
    return messages


BAD = {name: {path: text} for name, path, text in [
    ("strcpy", "cli/x.cc", "strcpy(a, b);"),
    ("sprintf", "cli/x.cc", "std::sprintf(a, b);"),
    ("gets", "cli/x.cc", "gets(a);"),
    ("scanf", "cli/x.cc", "scanf(a, b);"),
    ("atoi", "cli/x.cc", "int x = atoi(y);"),
    ("rand", "vault/gate/x.cc", "int x = rand();"),
    ("system", "cli/x.cc", "std::system(x);"),
    ("popen", "cli/x.cc", "popen(x);"),
    ("mktemp", "tests/x.cc", "mktemp(x);"),
    ("alloca", "cli/x.cc", "alloca (3);"),
    ("assert", "vault/wire/x.cc", "assert(x);"),
    ("cassert", "vault/wire/x.cc", "#include <cassert>\n"),
    ("gmtime", "cli/x.cc", "gmtime(x);"),
    ("goto", "cli/x.cc", "goto end;"),
    ("cout", "vault/gate/x.cc", "std::cout << 1;"),
    ("printf", "vault/keeper/x.cc", "std::printf(1);"),
    ("memcmp", "crypto/x.cc", "memcmp(a, b, 3);"),
    ("throw", "vault/keeper/x.cc", "throw 1;"),
    ("random_device", "vault/gate/x.cc", "std::random_device d;"),
    ("fork", "vault/gate/x.cc", "pid_t p = fork();"),
]}

if __name__ == "__main__":
    good = {"x.cc": '// strcpy(\nauto s = "system(";\nstatic_assert(1);'
                    "\nint n = 10'000;\nrandom_.seed(1);\nx.system(1);"}
    assert not findings(good), findings(good)
    tree.run(findings, BAD)
