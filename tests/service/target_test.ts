/** The target of a request: decoded once, strictly; and the hosts that it may name. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { hostName, isAllowedHost, isLoopback } from "../../src/service/hosts.ts";
import { decodePath, decodeQuery, splitUrl } from "../../src/service/target.ts";
import { uriEncodeKey } from "../../src/layout/output_location.ts";
import { cases } from "../support/cases.ts";

Deno.test("decodePath(): what it accepts is a key below the root, whatever the encoding", () => {
  const piece = fc.constantFrom(
    ..."abc/.%\\;:#?".split(""),
    "%2e",
    "%2F",
    "%5c",
    "%25",
    "%00",
    "%c0%ae",
    "\u00e9",
    "..",
    "~",
  );
  const raw = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join("")}`);
  fc.assert(
    fc.property(raw, (path) => {
      let decoded;
      try {
        decoded = decodePath(path);
      } catch {
        return;
      }
      const { segments, isDirectory } = decoded;
      for (const segment of segments) {
        assert(!segment.includes("/") && segment !== "" && segment !== "." && segment !== "..");
      }
      // Decoded once: encoding it again gives the same place.
      const again = `/${segments.map(encodeURIComponent).join("/")}`;
      const end = isDirectory && segments.length > 0 ? "/" : "";
      assert.deepEqual(decodePath(again + end).segments, segments);
    }),
    { numRuns: cases(5000) },
  );
});

Deno.test("decodePath(): takes every key that we link to", () => {
  for (const key of ["a+b#c%25d&\"e<f' ü.log", "gfx942:xnack+/x", "a\\b", "~", "a b/c;d=e"]) {
    assert.deepEqual(decodePath(`/${uriEncodeKey(key)}`).segments, key.split("/"));
  }
  assert.deepEqual(decodePath("/"), { segments: [], isDirectory: true });
});

Deno.test("decodeQuery(): strict, and each parameter once", () => {
  assert.deepEqual([...decodeQuery("a=1&b=%C3%BC+x&&c")], [["a", "1"], ["b", "ü x"], ["c", ""]]);
  for (const query of ["a=%", "a=%ff", "%zz=1", "a=1&a=1"]) {
    assert.throws(() => decodeQuery(query), /^RunOutputsError: Invalid query/);
  }
});

Deno.test("splitUrl(): the raw parts", () => {
  for (
    const [url, authority, path, query] of [
      ["http://h:1/a/../b?c?d", "h:1", "/a/../b", "c?d"],
      ["http://h//x", "h", "//x", ""],
      ["http://h/evil/x", "h", "/evil/x", ""],
      ["http://a b/x#y", "a b", "/x#y", ""],
      ["http+unix://localhost/x", "localhost", "/x", ""],
      ["http://h", "h", "", ""],
    ]
  ) {
    assert.deepEqual(splitUrl(url), { authority, path, query });
  }
});

Deno.test("isAllowedHost(): the address that is listened on, localhost, and the given names", () => {
  for (
    const [address, name, expected] of [
      ["127.0.0.1", "127.0.0.1", true],
      ["127.0.0.1", "[::1]", true],
      ["127.0.0.1", "192.168.1.5", false],
      ["0.0.0.0", "192.168.1.5", true],
      ["0.0.0.0", "lab", false],
      ["0.0.0.0", "3232235781", false],
      ["::", "[fe80::1]", true],
      ["192.168.1.5", "192.168.1.5", true],
      ["192.168.1.5", "192.168.1.6", false],
      ["192.168.1.5", "127.0.0.1", false],
      ["2001:db8::1", "[2001:DB8:0::1]", true],
      ["2001:db8::1", "[2001:db8::2]", false],
      [undefined, "localhost", true],
      [undefined, "127.0.0.1", false],
      ["127.0.0.1", "ci.example", true],
      ["127.0.0.1", "x.ci.example", false],
    ] as const
  ) {
    const rules = { address, names: ["ci.example"] };
    const given = hostName(`${name}:80`)!;
    assert.equal(isAllowedHost(given, rules), expected, `${name} on ${address}`);
  }
  for (const address of ["127.0.0.1", "127.5.0.1", "::1", "localhost"]) assert(isLoopback(address));
  for (const address of ["0.0.0.0", "::", "127.evil.example", "10.0.0.1", "lab"]) {
    assert(!isLoopback(address));
  }
});
