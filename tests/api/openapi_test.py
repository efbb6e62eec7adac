#!/usr/bin/env python3
"""Holds docs/openapi.yaml against the program: a valid OpenAPI 3.1 document,
the gate's routes and no others, the limits of crypto/base/limits.h, and every
error that the program can answer.

usage: openapi_test.py SOURCE_DIRECTORY

Needs PyYAML and openapi-spec-validator; without them it is skipped (exit 77).
"""

import os
import pathlib
import re
import sys

SKIPPED = 77
FAULTS = []


def expect(good, text):
    if not good:
        FAULTS.append(text)


def routes_of_program(source):
    """Lines of the form {"POST", "/v1/token/batch", ...} in the gate."""
    text = (source / "vault/gate/routes.cc").read_text()
    found = re.findall(r'\{\s*"([A-Z]+)",\s*"(/[^"]*)"', text)
    return {(method, path) for method, path in found}


def routes_of_document(document):
    methods = {"get", "put", "post", "delete", "patch", "head", "options"}
    return {(method.upper(), path)
            for path, item in document["paths"].items()
            for method in item if method in methods}


def limits_of_program(source):
    text = (source / "crypto/base/limits.h").read_text()
    return {name: int(value) for name, value in re.findall(
        r"constexpr \w+ (k\w+) =\s*(\d+);", text)}


def check_limits(document, limits):
    schemas = document["components"]["schemas"]
    headers = document["components"]["parameters"]
    consent = schemas["ConsentGrant"]["properties"]
    batch = document["paths"]["/v1/token/batch"]["post"]
    requests = batch["requestBody"]["content"]["application/json"]["schema"]
    pairs = {
        "kNameBytesMax": schemas["Name"]["maxLength"],
        "kSubjectBytesMax": schemas["Subject"]["maxLength"],
        "kBankTokenBytesMax": schemas["BankToken"]["maxLength"],
        "kSealedBankTokenBytesMax": schemas["SealedBankToken"]["maxLength"],
        "kSignedConsentBytesMax":
            headers["SignedConsent"]["schema"]["maxLength"],
        "kConsentIdBytesMax": consent["consentId"]["maxLength"],
        "kDurationPeriodDaysMax": consent["durationPeriod"]["maximum"],
        "kLookbackPeriodDaysMax": consent["lookbackPeriod"]["maximum"],
        "kNameListMax": schemas["Names"]["maxItems"],
        "kIdempotencyKeyBytesMax":
            headers["IdempotencyKey"]["schema"]["maxLength"],
        "kTokenSecondsMax":
            schemas["TokenAnswer"]["properties"]["expires_in"]["maximum"],
        "kTokenSecondsDefault":
            schemas["TokenRequest"]["properties"]["expires_in"]["default"],
        "kTokenBatchMax": requests["properties"]["requests"]["maxItems"],
    }
    for name, documented in pairs.items():
        expect(limits.get(name) == documented,
               f"{name} is {limits.get(name)}, documented as {documented}")
    prose = document["info"]["description"]
    for name in ("kHttpHeaderBytesMax", "kHttpHeadersMax", "kHttpBodyBytesMax",
                 "kJsonDepthMax", "kJsonKeysMax", "kHeaderSecondsMax",
                 "kBodySecondsMax", "kIdleSecondsMax", "kCallerConnectionsMax",
                 "kCallerConnectionsPerUidMax", "kMonitorConnectionsMax"):
        expect(re.search(rf"\b{limits.get(name)}\b", prose),
               f"the description does not name {name}, {limits.get(name)}")


def check_errors(document, source):
    files = [source / "vault/api" / name
             for name in ("problem.cc", "response.h")]
    files += sorted((source / "vault/gate").glob("*.cc"))
    text = "".join(path.read_text() for path in files)
    program = set(re.findall(r'\b[45]\d\d,\s*"([a-z_]+)",\s*"', text))
    expect(len(program) > 15, "no errors found in vault/api/problem.cc")
    documented = set(
        document["components"]["schemas"]["Problem"]["properties"]["error"]
        ["enum"])
    for error in sorted(program ^ documented):
        where = "the program" if error in program else "the document"
        FAULTS.append(f"error {error} stands in {where} only")
    described = " ".join(answer["description"] for answer in
                         document["components"]["responses"].values())
    for error in sorted(documented - {"method_not_allowed"}):
        expect(f"`{error}`" in described,
               f"no response describes the error {error}")


def check_fields(document, source):
    """Every key that the answers' writer writes is documented."""
    text = (source / "vault/api/response.cc").read_text()
    written = set(re.findall(
        r'(?:Text|Number|Bool|Time|Key)\(\s*"(\w+)"', text))
    written |= set(re.findall(r'Write\w+\(json, "(\w+)"', text))
    expect(len(written) > 40, "no fields found in vault/api/response.cc")
    documented = set()

    def collect(node):
        if isinstance(node, dict):
            if isinstance(node.get("properties"), dict):
                documented.update(node["properties"])
            for value in node.values():
                collect(value)
        elif isinstance(node, list):
            for value in node:
                collect(value)

    collect(document)
    for field in sorted(written - documented):
        FAULTS.append(f"field {field} is written and not documented")


def main():
    # ./dev makes an environment that has the packages, and names it here.
    python = os.environ.get("COFFER_TEST_PYTHON")
    if python and os.path.exists(python) and sys.executable != python:
        if "COFFER_TEST_PYTHON_STARTED" not in os.environ:
            os.environ["COFFER_TEST_PYTHON_STARTED"] = "1"
            os.execv(python, [python, "-B"] + sys.argv)
    try:
        import yaml
        from openapi_spec_validator import validate
    except ImportError as missing:
        print(f"skipped: {missing}")
        return SKIPPED
    source = pathlib.Path(sys.argv[1])
    document = yaml.safe_load((source / "docs/openapi.yaml").read_text())
    validate(document)
    expect(document["openapi"].startswith("3.1"), "the version is not 3.1")
    program = routes_of_program(source)
    expect(len(program) > 10, "no routes found in vault/gate/routes.cc")
    documented = routes_of_document(document)
    for method, path in sorted(program ^ documented):
        where = "the program" if (method, path) in program else "the document"
        FAULTS.append(f"{method} {path} stands in {where} only")
    check_limits(document, limits_of_program(source))
    check_errors(document, source)
    check_fields(document, source)
    for fault in FAULTS:
        print(f"docs/openapi.yaml: {fault}")
    if not FAULTS:
        print(f"{len(documented)} routes agree")
    return 1 if FAULTS else 0


if __name__ == "__main__":
    sys.exit(main())
