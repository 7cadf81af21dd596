/** The policy of retention: which runs are kept, and why. */

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decidePrune,
  GROUP_BY,
  isEmptyPolicy,
  type PruneCandidate,
  type PrunePolicy,
} from "../../src/runs/retention/policy.ts";
import { parseKeepListed, parseKeepSteps } from "../../src/runs/retention/policy_text.ts";
import { compareRuns, parseRunKey } from "../../src/runs/retention/run_key.ts";
import { throwsWith } from "../support/errors.ts";

const NOW = new Date("2026-11-30T12:00:00Z");
const DAY = 86_400;

function daysAgo(days: number): Date {
  return new Date(NOW.getTime() - days * DAY * 1000);
}

function candidate(id: number, more: Partial<PruneCandidate> = {}): PruneCandidate {
  return {
    key: `${id}-linux`,
    run_id: `${id}`,
    repository: "ROCm/TheRock",
    platform: "linux",
    completeness: "complete",
    updated_at: daysAgo(100 - id),
    bytes: 10,
    pins: [],
    ...more,
  };
}

const POLICY: PrunePolicy = { group_by: GROUP_BY, min_age_seconds: DAY };

const decide = (runs: readonly PruneCandidate[], policy: Partial<PrunePolicy>) =>
  decidePrune(runs, { ...POLICY, ...policy }, NOW);

const dropped = (runs: readonly PruneCandidate[], policy: Partial<PrunePolicy>) =>
  decide(runs, policy).drop.map(({ key }) => key);

const FIVE = [5, 4, 3, 2, 1].map((id) => candidate(id));

Deno.test("retention: a policy without a rule is empty", () => {
  assert(isEmptyPolicy(POLICY));
  assert(!isEmptyPolicy({ ...POLICY, keep_last: 1 }));
  assert(!isEmptyPolicy({ ...POLICY, max_runs: 1 }));
  assert(isEmptyPolicy({ ...POLICY, keep_listed: [] }));
});

Deno.test("retention: keep rules without a drop rule delete the rest, each with its rule", () => {
  const { keep, drop } = decide(FIVE, { keep_last: 2 });
  assert.deepEqual(keep, [
    { key: "5-linux", reasons: ["latest of its group", "last 2"] },
    { key: "4-linux", reasons: ["last 2"] },
  ]);
  assert.deepEqual(drop[0], { key: "3-linux", bytes: 10, rule: "not kept by: keep-last 2" });
  assert.equal(drop.length, 3);
  const policy = {
    keep_last: 1,
    keep_within_seconds: 1,
    keep_daily: 1,
    keep_weekly: 1,
    keep_monthly: 1,
    keep_steps: [{ every_seconds: 1, for_seconds: 7 * 86_400 }],
    keep_listed: ["5-linux", "77"],
  };
  assert.equal(
    decide(FIVE, policy).drop.at(-1)!.rule,
    "not kept by: keep-last 1, keep-within 1s, keep-daily 1, keep-weekly 1, keep-monthly 1, " +
      "one each 1s for 7d, keep-listed (2)",
  );
});

Deno.test("retention: an incomplete run is not the latest and takes no place of --keep-last", () => {
  const broken = candidate(6, { completeness: "incomplete" });
  assert.deepEqual(dropped([broken, ...FIVE], { keep_last: 4 }), ["6-linux", "1-linux"]);
  assert.deepEqual(dropped([broken], { keep_last: 1 }), [], "nothing else is there");
});

Deno.test("retention: what is always kept, with its reason", () => {
  const always: readonly (readonly [Partial<PruneCandidate>, RegExp])[] = [
    [{ pins: ["release"] }, /^pin 'release'$/],
    [{ held: ["the bisect uses it"] }, /^the bisect uses it$/],
    [{ updated_at: daysAgo(0.5) }, /^younger than the minimum age \(1d\)$/],
    [{ touched_at: daysAgo(0.5) }, /^younger than the minimum age/],
    [{ updated_at: daysAgo(-1) }, /^its time is in the future$/],
    [{ uploading_since: daysAgo(6) }, /^an upload began less than 7 days ago/],
  ];
  for (const [more, reason] of always) {
    const { keep } = decide([candidate(9), candidate(1, more)], { older_than_seconds: 0 });
    const run = keep.find(({ key }) => key === "1-linux");
    assert(run?.reasons.some((text) => reason.test(text)), JSON.stringify([more, keep]));
  }
  const old = candidate(1, { uploading_since: daysAgo(8) });
  assert.deepEqual(dropped([candidate(9), old], { older_than_seconds: 0 }), ["1-linux"]);
});

Deno.test("retention: each group keeps its own runs", () => {
  const other = candidate(2, { key: "2-windows", platform: "windows" });
  const runs = [candidate(3), candidate(2), other, candidate(1)];
  assert.deepEqual(dropped(runs, { keep_last: 1 }), ["2-linux", "1-linux"]);
  assert.deepEqual(dropped(runs, { keep_last: 1, group_by: [] }), [
    "2-linux",
    "2-windows",
    "1-linux",
  ]);
  const nightly = candidate(2, { workflow: "nightly.yml" });
  assert.deepEqual(dropped([candidate(3), nightly], { keep_last: 1 }), []);
});

Deno.test("retention: daily, weekly and monthly keep the newest run of each period", () => {
  const at = (id: number, time: string) => candidate(id, { updated_at: new Date(time) });
  const runs = [
    at(6, "2026-11-29T20:00:00Z"), // a Sunday
    at(5, "2026-11-29T10:00:00Z"),
    at(4, "2026-11-23T10:00:00Z"), // the Monday of the same week
    at(3, "2026-11-22T10:00:00Z"),
    at(2, "2026-10-31T10:00:00Z"),
    at(1, "2026-10-01T10:00:00Z"),
  ];
  const kept = (policy: Partial<PrunePolicy>) =>
    decide(runs, { min_age_seconds: 0, ...policy }).keep.map(({ key }) => key[0]).join("");
  assert.equal(kept({ keep_daily: 2 }), "64");
  assert.equal(kept({ keep_weekly: 2 }), "63");
  assert.equal(kept({ keep_monthly: 9 }), "62");
  assert.equal(kept({ keep_within_seconds: 9 * DAY }), "6543");
});

Deno.test("retention: steps keep one run in each period for a time", () => {
  const steps = parseKeepSteps("--keep", "2,1d1w,1w1m");
  assert.deepEqual(steps, {
    keep_last: 2,
    keep_steps: [
      { every_seconds: DAY, for_seconds: 7 * DAY },
      { every_seconds: 7 * DAY, for_seconds: 30 * DAY },
    ],
  });
  const runs = Array.from({ length: 60 }, (_, i) => candidate(100 - i, { updated_at: daysAgo(i) }));
  const keep = decide(runs, steps).keep.map(({ key }) => 100 - Number(key.split("-")[0]));
  assert.deepEqual(keep.slice(0, 8), [0, 1, 2, 3, 4, 5, 6, 7]);
  assert(keep.length >= 11 && keep.length <= 13, String(keep));
  assert(keep.every((days) => days <= 30));
  for (const text of ["", "x", "1d", "1w1d", "0d1w", "1d1w,3", "-1", "1,,2"]) {
    throwsWith(() => parseKeepSteps("--keep", text), "invalid", "--keep", "10,1d1w,1w1m");
  }
});

Deno.test("retention: limits delete the oldest first, and name what can't be reached", () => {
  assert.deepEqual(dropped(FIVE, { max_runs: 3 }), ["2-linux", "1-linux"]);
  assert.deepEqual(dropped(FIVE, { max_size_bytes: 25 }), ["3-linux", "2-linux", "1-linux"]);
  assert.deepEqual(dropped(FIVE, { max_size_bytes: 50 }), []);
  assert.deepEqual(dropped(FIVE, { older_than_seconds: 98 * DAY }), ["1-linux"]);
  const pinned = FIVE.map((run) => ({ ...run, pins: ["p"] }));
  const { drop, unreached } = decide(pinned, { max_runs: 2, max_size_bytes: 20 });
  assert.deepEqual([drop, unreached], [[], [
    "more than 2 runs: 5 must be kept",
    "more than 20 bytes: 50 must be kept",
  ]]);
});

Deno.test("retention: a list keeps keys, ids, commits and URLs, and reports what matches nothing", () => {
  const listed = parseKeepListed(
    "entry",
    [
      "# kept",
      "1-Linux",
      "2",
      "abcdef1234 commit\trefs/tags/v1",
      "https://github.com/ROCm/TheRock/actions/runs/4/job/7",
      "s3://lab/ROCm-x/77-linux/logs/a.log",
      "https://lab.s3.us-east-2.amazonaws.com/78-linux/index.html",
      "",
    ].join("\r\n"),
  );
  assert.deepEqual(listed, ["1-linux", "2", "abcdef1234", "4", "ROCm-x~77-linux", "78-linux"]);
  const runs = [9, 5, 4, 3, 2, 1].map((id) =>
    candidate(id, { commit: id === 3 ? "abcdef1234567" : undefined })
  );
  const { drop, unmatched } = decide(runs, { keep_listed: listed });
  assert.deepEqual(drop.map(({ key }) => key), ["5-linux"]);
  assert.deepEqual(unmatched, ["ROCm-x~77-linux", "78-linux"]);
  for (const text of ["a b/c\n../x", "https://example.com/", "~", "x/y"]) {
    throwsWith(() => parseKeepListed("entry", text), "invalid");
  }
  for (const text of ["", "\uFEFF", "\n# none\n"]) {
    throwsWith(() => parseKeepListed("entry", text), "invalid", "the list is empty");
  }
});

const runsOf = fc.uniqueArray(
  fc.record({
    id: fc.integer({ min: 1, max: 400 }),
    platform: fc.constantFrom("linux" as const, "windows" as const),
    repository: fc.constantFrom("a/b", "c/d"),
    completeness: fc.constantFrom("complete" as const, "incomplete" as const, "unproven" as const),
    age: fc.double({ min: -2, max: 200, noNaN: true }),
    pinned: fc.boolean(),
    bytes: fc.integer({ min: 0, max: 1000 }),
  }),
  { selector: ({ id, platform }) => `${id}-${platform}`, maxLength: 40 },
).map((list) =>
  list.map(({ id, platform, age, pinned, ...more }) =>
    candidate(id, {
      ...more,
      key: `${id}-${platform}`,
      platform,
      updated_at: daysAgo(age),
      pins: pinned && id % 5 === 0 ? ["p"] : [],
    })
  ).sort((a, b) => compareRuns(parseRunKey(a.key), parseRunKey(b.key)))
);

const optional = (max: number) => fc.option(fc.integer({ min: 0, max }), { nil: undefined });
const policies = fc.record({
  keep_last: optional(5),
  keep_within_seconds: optional(100 * DAY),
  keep_daily: optional(5),
  keep_weekly: optional(5),
  keep_monthly: optional(5),
  older_than_seconds: optional(200 * DAY),
  max_size_bytes: optional(10_000),
  max_runs: optional(40),
  min_age_seconds: fc.integer({ min: 0, max: 10 * DAY }),
  group_by: fc.subarray([...GROUP_BY]),
});

Deno.test("retention, any policy: never the latest, a pinned run, or one younger than the minimum", () => {
  fc.assert(fc.property(runsOf, policies, (runs, policy) => {
    const { keep, drop } = decidePrune(runs, policy, NOW);
    assert.equal(keep.length + drop.length, runs.length);
    assert(keep.every(({ reasons }) => reasons.length > 0));
    const gone = new Set(drop.map(({ key }) => key));
    for (const { key, pins, updated_at } of runs) {
      if (!gone.has(key)) continue;
      assert.equal(pins.length, 0, key);
      assert(NOW.getTime() - updated_at.getTime() >= policy.min_age_seconds * 1000, key);
    }
    // The latest of every repository and platform, whatever forms a group.
    const names = policy.group_by;
    const groups = Map.groupBy(runs, (run) =>
      JSON.stringify([
        names.includes("repo") && run.repository,
        names.includes("platform") && run.platform,
      ]));
    for (const group of groups.values()) {
      const latest = group.find(({ completeness }) => completeness !== "incomplete") ?? group[0];
      assert(!gone.has(latest.key), latest.key);
    }
  }));
});

Deno.test("retention, any policy: a stronger keep rule or a longer age never deletes more", () => {
  fc.assert(fc.property(runsOf, policies, fc.integer({ min: 1, max: 9 }), (runs, any, more) => {
    const policy = { ...any, max_size_bytes: undefined, max_runs: undefined };
    const before = new Set(decidePrune(runs, policy, NOW).drop.map(({ key }) => key));
    const rules = ["keep_last", "keep_within_seconds", "keep_daily", "keep_weekly", "keep_monthly"];
    for (const rule of [...rules, "older_than_seconds", "min_age_seconds"]) {
      const value = policy[rule as keyof typeof policy] as number | undefined;
      if (value === undefined) continue;
      const scale = rule.endsWith("seconds") ? DAY : 1;
      const stronger = { ...policy, [rule]: value + more * scale };
      for (const { key } of decidePrune(runs, stronger, NOW).drop) assert(before.has(key), rule);
    }
  }));
});

Deno.test("retention, any policy: thinning deletes no run, and touches those that it would delete", () => {
  const kinds = fc.dictionary(
    fc.constantFrom("artifact", "log", "outputs-manifest"),
    fc.record({ files: fc.constant(1), bytes: fc.integer({ min: 0, max: 500 }) }),
  );
  const thinnings = fc.constantFrom(
    { drop_kinds: ["artifact" as const] },
    { drop_kinds: ["artifact" as const, "log" as const] },
    { leave_manifest: true as const },
  );
  const all = fc.array(kinds, { minLength: 40, maxLength: 40 });
  fc.assert(fc.property(runsOf, policies, all, thinnings, (list, any, kindsOf, thinning) => {
    const runs = list.map((run, i) => ({ ...run, kinds: kindsOf[i] }));
    const policy = { ...any, max_runs: undefined, max_size_bytes: undefined };
    const whole = new Set(decidePrune(runs, policy, NOW).drop.map(({ key }) => key));
    const { keep, drop, thin } = decidePrune(runs, { ...policy, ...thinning }, NOW);
    assert.deepEqual(drop, []);
    assert.equal(keep.length + thin.length, runs.length);
    const removable = (run: typeof runs[number]) =>
      Object.entries(run.kinds).filter(([kind]) =>
        "drop_kinds" in thinning
          ? (thinning.drop_kinds as readonly string[]).includes(kind)
          : kind !== "outputs-manifest"
      );
    const wanted = runs.filter((run) => whole.has(run.key) && removable(run).length > 0);
    assert.deepEqual(
      thin.map(({ key, bytes }) => [key, bytes]),
      wanted.map((run) => [run.key, removable(run).reduce((sum, [, one]) => sum + one.bytes, 0)]),
    );
    // A limit that is reached is reached by what is freed.
    const limited = { ...any, max_runs: undefined, ...thinning };
    const { thin: some, unreached } = decidePrune(runs, limited, NOW);
    const left = runs.reduce((sum, { bytes }) => sum + bytes, 0) -
      some.reduce((sum, { bytes }) => sum + bytes, 0);
    if (any.max_size_bytes !== undefined && unreached.length === 0) {
      assert(left <= any.max_size_bytes);
    }
  }));
});
