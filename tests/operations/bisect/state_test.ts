/** The text of a bisect's state that somebody else has written. */

import assert from "node:assert/strict";
import { BISECT_SCHEMA, parseBisectState } from "../../../src/operations/bisect/state.ts";
import { hostileTexts, wrongReading } from "../../support/hostile_json.ts";

const [GOOD, BAD] = ["1", "2"].map((digit) => digit.repeat(40));
const AT = "2026-11-20T12:00:00Z";

const STATE = {
  schema: BISECT_SCHEMA,
  started_at: AT,
  good: { given: "v1", sha: GOOD },
  bad: { given: "main", sha: BAD },
  commits: [{ sha: BAD, parents: [GOOD], title: "t", date: AT, url: "https://example.com" }],
  artifacts: {
    [BAD]: {
      status: "yes",
      runs: [{ run_id: "1", url: "", bucket: "b", external_repo: "", groups: ["g"] }],
    },
  },
  log: [{ at: AT, sha: BAD, verdict: "bad", exit_code: 1 }],
  current: { sha: BAD, directory: "bisect/2222222222" },
  fetched: [BAD],
  settings: {},
};

Deno.test("parseBisectState(): whatever a member is, it is read or rejected in one line", () => {
  assert.equal(parseBisectState(JSON.stringify(STATE), "x").bad.given, "main");
  for (const text of hostileTexts(STATE)) {
    const wrong = wrongReading(() => parseBisectState(text, "bisect.json"));
    if (wrong !== undefined) assert.fail(`${text.slice(0, 300)}\n${wrong}`);
  }
});
