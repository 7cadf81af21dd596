/** The table of runs, on terminals of different widths. */

import assert from "node:assert/strict";
import { runTable } from "../../../../src/cli/commands/runs/text.ts";
import { SUMMARY } from "../../../support/retained.ts";

const now = new Date("2026-11-30T00:00:00Z");

/** A run, as in a list. */
function row(id: string, more: object) {
  const { run: _, reports, inputs: _i, basis: _b, ...facts } = SUMMARY;
  return {
    ...facts,
    key: `${id}-linux`,
    run_id: id,
    platform: "linux" as const,
    external_repo: "",
    pins: [],
    summary: { status: "current" as const },
    bytes: 45_678_901_234,
    reports: reports.length,
    ...more,
  };
}

const RUNS = [
  row("20000000003", {
    repository: "ROCm/rocm-libraries-with-a-very-long-name",
    uploading: undefined,
    completeness: "complete",
    groups: ["gfx94X-dcgpu", "gfx950-dcgpu", "gfx110X-all", "gfx120X-all"],
  }),
  row("20000000002", {
    repository: "ROCm/TheRock",
    completeness: "incomplete",
    groups: ["gfx94X-dcgpu"],
    pins: [{ name: "manual", in_force: true }],
  }),
  row("20000000001", {
    repository: undefined,
    uploading: undefined,
    completeness: "unproven",
    groups: [],
  }),
];

const table = (width?: number, runs = RUNS) =>
  runTable(runs, now, { width, paint: (text) => text });

Deno.test("runs list: where there is no terminal, nothing is shortened", () => {
  const [header, first, second] = table();
  assert.match(header, /^RUN +PLATFORM +REPOSITORY +STATE +GROUPS +AGE +SIZE +REPORTS$/);
  assert(first.includes("ROCm/rocm-libraries-with-a-very-long-name"), first);
  assert(first.includes("gfx94X-dcgpu gfx950-dcgpu +2"), first);
  assert(second.includes("incomplete, unfinished, pinned"), second);
});

Deno.test("runs list: the table fits a terminal of 120 or 80 columns", () => {
  assert.equal(
    table(120).join("\n"),
    `\
RUN          PLATFORM  REPOSITORY                       STATE                           GROUPS     AGE     SIZE  REPORTS
20000000003  linux     …ibraries-with-a-very-long-name  complete                        4 groups   9 d  45.7 GB  1
20000000002  linux     ROCm/TheRock                     incomplete, unfinished, pinned  gfx94X-d…  9 d  45.7 GB  1
20000000001  linux                                      unproven                                   9 d  45.7 GB  1`,
  );
  assert.equal(
    table(80).join("\n"),
    `\
RUN          PLATFORM  REPOSITORY  STATE        GROUPS     AGE     SIZE  REPORTS
20000000003  linux     …long-name  complete     4 groups   9 d  45.7 GB  1
20000000002  linux     …m/TheRock  incomplete…  gfx94X-d…  9 d  45.7 GB  1
20000000001  linux                 unproven                9 d  45.7 GB  1`,
  );
});

Deno.test("runs list: on a terminal of any width, no run is shortened, and lines are no longer than needed", () => {
  const full = Math.max(...table().map(({ length }) => length));
  const least = Math.max(...table(1).map(({ length }) => length));
  assert(least <= 80, `${least}`);
  for (let width = least; width <= full; width++) {
    const lines = table(width);
    for (const line of lines) assert(line.length <= width, `${width}: ${line}`);
    for (const [i, { run_id }] of RUNS.entries()) assert(lines[i + 1].startsWith(`${run_id} `));
  }
  assert.deepEqual(table(full), table());
});

Deno.test("runs list: columns without a value are left out before states are shortened", () => {
  const local = [
    row("20000000001", { repository: undefined, completeness: "unproven", reports: 0, groups: [] }),
    row("local", { repository: undefined, uploading: undefined, reports: 0, groups: ["g"] }),
  ];
  assert.match(table(undefined, local)[0], /REPOSITORY.*REPORTS$/);
  assert.match(table(100, local)[0], /REPOSITORY.*REPORTS$/);
  assert.equal(
    table(80, local).join("\n"),
    `\
RUN          PLATFORM  STATE                 GROUPS  AGE     SIZE
20000000001  linux     unproven, unfinished          9 d  45.7 GB
local        linux     incomplete            g       9 d  45.7 GB`,
  );
});
