#!/usr/bin/env python3
"""Writes the seeds of http_fuzz into corpus/http beside this file."""
import pathlib

HERE = pathlib.Path(__file__).resolve().parent / "corpus" / "http"

JSON = "Content-Type: application/json\r\n"


def post(path, body, extra="", method="POST"):
    return (f"{method} {path} HTTP/1.1\r\nHost: coffer\r\n{JSON}{extra}"
            f"Content-Length: {len(body)}\r\n\r\n{body}")


LINK = "lnk_AACG-MJVegINaNbdAIO44g"
SEEDS = {
    "issue": post("/v1/token", '{"link":"%s"}' % LINK),
    "create": post("/v1/links", "{}", "Idempotency-Key: k-1\r\n"),
    "list": f"GET /v1/links?subject=cust-1&after={LINK}&limit=3 HTTP/1.1\r\n"
            "Host: coffer\r\n\r\n",
    "read": f"GET /v1/links/{LINK} HTTP/1.1\r\n\r\n",
    "replace": post(f"/v1/links/{LINK}/bank_token", '{"bank_token":"x"}',
                    'If-Match: "7"\r\n', "PUT"),
    "revocation": post(f"/v1/links/{LINK}/consent/revocation", "{}", "",
                       "PUT"),
    "erase_subject": "DELETE /v1/subjects/a%20b%2Fc HTTP/1.1\r\n\r\n",
    "pipelined": "GET /v1/keys HTTP/1.1\r\n\r\n"
                 + post("/v1/redeem", '{"token":"v4.local.x"}')
                 + "\r\nGET /v1/health HTTP/1.0\r\n\r\n",
    "head": "HEAD /metrics HTTP/1.1\r\nConnection: close\r\n\r\n",
    "absolute": "GET http://coffer/v1/status HTTP/1.1\r\n\r\n",
    "expect": "POST /v1/token HTTP/1.1\r\nExpect: 100-continue\r\n"
              "Content-Length: 2\r\n\r\n{}",
    "keep_alive": "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "chunked": "POST /v1/token HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
               "2\r\n{}\r\n0\r\n\r\n",
    "chunked_and_length": "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
                          "Content-Length: 2\r\n\r\n{}",
    "length_twice": "POST / HTTP/1.1\r\nContent-Length: 1\r\n"
                    "Content-Length: 2\r\n\r\n{}",
    "length_list": "POST / HTTP/1.1\r\nContent-Length: 2, 2\r\n\r\n{}",
    "length_huge": "POST / HTTP/1.1\r\nContent-Length: "
                   "18446744073709551616\r\n\r\n",
    "length_over": "POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n",
    "header_over": "GET / HTTP/1.1\r\nX: " + "x" * 8200 + "\r\n\r\n",
    "target_over": "GET /" + "a" * 8300,
    "headers_over": "GET / HTTP/1.1\r\n"
                    + "".join(f"X{i}: v\r\n" for i in range(33)) + "\r\n",
    "folded": "GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
    "bare_newline": "GET / HTTP/1.1\n\n",
    "no_version": "GET /\r\n\r\n",
    "later_version": "GET / HTTP/2.0\r\n\r\n",
    "empty_lines": "\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "tls": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "nul": "GET /\0 HTTP/1.1\r\n\r\n",
}


def main():
    HERE.mkdir(parents=True, exist_ok=True)
    for place, (name, text) in enumerate(sorted(SEEDS.items())):
        cut = bytes([place % 16])
        (HERE / name).write_bytes(cut + text.encode("latin-1"))


if __name__ == "__main__":
    main()
