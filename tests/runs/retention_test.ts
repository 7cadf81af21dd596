/** Summaries, pins and keys of runs: pure. */

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  formatPin,
  isInForce,
  parsePin,
  PIN_SCHEMA,
  pinJsonSchema,
  pinNameOf,
} from "../../src/runs/retention/pin.ts";
import {
  compareRuns,
  formatRunKey,
  parseRunKey,
  tryParseRunKey,
} from "../../src/runs/retention/run_key.ts";
import {
  describeRemoval,
  formatRemoved,
  parseRemoved,
  removedJsonSchema,
  type RemovedRecord,
  removesPath,
} from "../../src/runs/removed.ts";
import { runState } from "../../src/runs/retention/state.ts";
import {
  formatSummary,
  parseSummary,
  retentionJsonSchema,
} from "../../src/runs/retention/summary.ts";
import { assertGolden } from "../support/golden.ts";
import { hostileTexts, wrongReading } from "../support/hostile_json.ts";
import { SUMMARY } from "../support/retained.ts";

const PIN = {
  schema: PIN_SCHEMA,
  name: "release",
  reason: "shipped",
  by: "me",
  created_at: "2026-11-20T12:00:00.000Z",
  until: "2026-12-20T12:00:00+01:00",
} as const;

const RECORD: RemovedRecord = {
  schema: "run-outputs.removed/1",
  tool: "run-outputs/0.1.0",
  removals: [{
    at: "2026-11-30T12:00:00.000Z",
    rule: "older than 90d",
    kinds: ["artifact"],
    parts: [{ part: "a", created_at: "2026-08-01T12:00:00.000Z" }],
    unlisted: [{ path: "x_lib_generic.tar.zst", size: 1 }],
    finished_at: "2026-11-30T12:00:01.000Z",
  }],
};

Deno.test("run keys: '/' becomes '~', and every key is parsed back", () => {
  assert.equal(
    formatRunKey({ externalRepo: "", runId: "12345", platform: "linux" }),
    "12345-linux",
  );
  const external = {
    externalRepo: "ROCm-rocm-libraries/",
    runId: "12345",
    platform: "windows",
  } as const;
  assert.equal(formatRunKey(external), "ROCm-rocm-libraries~12345-windows");
  const run = fc.record({
    externalRepo: fc.constantFrom("", "a-b/", "a~b/", "~/"),
    runId: fc.constantFrom("1", "0", "local", "a-linux", "1.2_3"),
    platform: fc.constantFrom("linux" as const, "windows" as const),
  }, { noNullPrototype: true });
  fc.assert(fc.property(run, (one) => assert.deepEqual(parseRunKey(formatRunKey(one)), one)));
});

Deno.test("run keys: what is not a key is rejected", () => {
  for (
    const key of [
      "",
      "1",
      "1-macos",
      "a/1-linux",
      "a~b/1-linux",
      "../1-linux",
      "..~1-linux",
      "-1-linux",
      "a~",
      "1-linux/",
      "a~1-linux\n",
    ]
  ) {
    assert.equal(tryParseRunKey(key), undefined, key);
    assert.throws(() => parseRunKey(key), { code: "invalid" }, key);
  }
});

Deno.test("run keys: the newest run comes first, then names, then repositories and platforms", () => {
  const order = [
    "100-linux",
    "100-windows",
    "a-b~100-linux",
    "99-linux",
    "9-linux",
    "local-linux",
    "2026-11-20-linux",
    "007-linux",
  ];
  const sorted = (keys: readonly string[]) =>
    keys.map(parseRunKey).sort(compareRuns).map(formatRunKey);
  assert.deepEqual(sorted([...order].reverse()), order);
  fc.assert(fc.property(fc.shuffledSubarray(order), (some) => {
    assert.deepEqual(sorted(some), order.filter((key) => some.includes(key)));
  }));
});

Deno.test("state: complete, incomplete and unproven", () => {
  const of = (
    parts: readonly string[],
    expected: readonly string[] | undefined,
    marked: readonly string[] = [],
    missingFiles = 0,
  ) => runState({ parts, expected, marked, missingFiles });
  assert.equal(of(["a", "b"], ["a", "b"]).completeness, "complete");
  assert.equal(of(["a"], undefined).completeness, "unproven");
  assert.equal(of(["a"], []).completeness, "unproven");
  assert.equal(of([], undefined).completeness, "unproven");
  assert.deepEqual(of(["a"], ["a", "b"]), {
    completeness: "incomplete",
    reasons: ["part b is missing"],
    missingParts: ["b"],
  });
  // A re-run that has begun leaves the part alone until it replaces a file.
  assert.equal(of(["a", "b"], ["a", "b"], ["a"]).completeness, "complete");
  assert.equal(of(["b"], ["a", "b"], ["a"]).completeness, "incomplete");
  assert.deepEqual(of(["a"], undefined, ["c"]).missingParts, ["c"]);
  assert.match(of(["a"], undefined, ["c"]).reasons.join(), /upload of part c .* killed or failed/);
  assert.equal(of(["a"], ["a"], [], 1).reasons.join(), "1 file is missing");
});

Deno.test("summary: is parsed back as it was formatted, and docs/ has its JSON Schema", async () => {
  assert.deepEqual(parseSummary(formatSummary(SUMMARY), "example"), SUMMARY);
  const schemas = {
    summary: retentionJsonSchema(),
    pin: pinJsonSchema(),
    removed: removedJsonSchema(),
  };
  await assertGolden("../../docs/retention.schema.json", `${JSON.stringify(schemas, null, 2)}\n`);
});

Deno.test("summary: a newer schema is another error than a broken one", () => {
  const text = JSON.stringify({ ...SUMMARY, schema: "run-outputs.retention/2" });
  assert.throws(() => parseSummary(text, "example"), {
    code: "failed",
    message: /newer run-outputs/,
  });
  for (const broken of ["", "{", "[]", "null", JSON.stringify({ ...SUMMARY, bytes: -1 })]) {
    assert.throws(() => parseSummary(broken, "example"), { code: "integrity" });
  }
});

for (
  const [name, document, read] of [
    ["a summary", SUMMARY, (text: string) => void formatSummary(parseSummary(text, "example"))],
    ["a record", RECORD, (text: string) => void formatRemoved(parseRemoved(text, "example"))],
    ["a pin", PIN, (text: string) => void formatPin(parsePin(text, "example"))],
  ] as const
) {
  Deno.test(`${name}: whatever a member is, it is read or refused in one line`, () => {
    read(JSON.stringify(document));
    for (const text of hostileTexts(document)) {
      const wrong = wrongReading(() => read(text));
      if (wrong !== undefined) assert.fail(`${text.slice(0, 300)}\n${wrong.slice(0, 1000)}`);
    }
  });
}

Deno.test("record of removed files: is parsed back, and a newer schema is another error", () => {
  assert.deepEqual(parseRemoved(formatRemoved(RECORD), "example"), RECORD);
  const newer = JSON.stringify({ ...RECORD, schema: "run-outputs.removed/2" });
  assert.throws(() => parseRemoved(newer, "example"), { code: "failed", message: /newer run-out/ });
  assert.equal(
    describeRemoval(RECORD.removals[0]),
    "removed by retention on 2026-11-30 (older than 90d)",
  );
});

Deno.test("removed files: a checksum file goes with its file, the manifest never", () => {
  const [archives, all] = [{ kinds: ["artifact" as const] }, {}];
  const of = (path: string) => [removesPath(archives, path), removesPath(all, path)];
  assert.deepEqual(of("x_lib_generic.tar.zst"), [true, true]);
  assert.deepEqual(of("artifacts/x_lib_generic.tar.zst.sha256sum"), [true, true]);
  assert.deepEqual(of("logs/g/a.log"), [false, true]);
  assert.deepEqual(of("logs/g/a.log.sha256sum"), [false, true]);
  assert.deepEqual(of("logs/index.html"), [false, true]);
  for (
    const path of [
      "manifests/outputs/a.json",
      "manifests/outputs/a.incomplete",
      "manifests/retention/removed.json",
      "manifests/retention/x.pin.json",
      "retention-summary.json",
    ]
  ) assert.deepEqual(of(path), [false, false], path);
});

Deno.test("pin: its name can't lead out of the directory, and it ends when it says", () => {
  assert.deepEqual(parsePin(formatPin(PIN), "example"), PIN);
  for (const name of ["../x", "a/b", "..", "a\u0000"]) {
    assert.throws(() => parsePin(JSON.stringify({ ...PIN, name }), "example"), {
      code: "integrity",
    });
  }
  assert.equal(pinNameOf("release.pin.json"), "release");
  for (const name of [".pin.json", "release.json", "deleting.json"]) {
    assert.equal(pinNameOf(name), undefined);
  }
  assert.equal(isInForce(PIN, new Date("2026-12-20T10:59:59Z")), true);
  assert.equal(isInForce(PIN, new Date("2026-12-20T11:00:00Z")), false);
  assert.equal(isInForce({}, new Date("2999-01-01T00:00:00Z")), true);
});
