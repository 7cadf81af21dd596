/** What stages need and produce: the published example, odd files, bad ones. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { RunOutputsError } from "../../src/errors/error.ts";
import { findStages, parseBuildTopology } from "../../src/layout/build_topology.ts";
import { conformance } from "./support.ts";

const FILE = new URL("../testdata/conformance/topology.toml", import.meta.url);

interface Expected {
  readonly stages: Readonly<
    Record<string, { inbound: string[]; produced: string[]; type: string }>
  >;
  readonly build_order: string[];
}

Deno.test("parseBuildTopology(): the published example", async () => {
  const expected = conformance<Expected>("topology");
  const { stages } = parseBuildTopology(await Deno.readTextFile(FILE), "topology.toml");
  assert.deepEqual(stages.map(({ name }) => name), expected.build_order);
  for (const { name, type, needs, produces } of stages) {
    assert.deepEqual({ inbound: needs, produced: produces, type }, expected.stages[name], name);
  }
});

const SMALL = `
[build_stages.late]
artifact_groups = ["b"]
[build_stages.early]
artifact_groups = ["a"]
[artifact_groups.a]
[artifact_groups.b]
artifact_group_deps = ["a"]
[artifacts.x]
artifact_group = "a"
artifact_deps = ["y"]
[artifacts.y]
artifact_group = "a"
artifact_deps = ["x"]
[artifacts.z]
artifact_group = "b"
`;

Deno.test("parseBuildTopology(): stages come in build order; artifacts may depend in a circle", () => {
  const { stages } = parseBuildTopology(SMALL, "t.toml");
  assert.deepEqual(stages.map(({ name, needs, produces }) => [name, needs, produces]), [
    ["early", [], ["x", "y"]],
    ["late", ["x", "y"], ["z"]],
  ]);
});

Deno.test("parseBuildTopology(): unknown keys and tables, a BOM and CRLF are accepted", () => {
  const newer = `\ufeff${SMALL}\nnew_key = { a = [1, 2] }\n[new_table.x]\nwhen = 2026-08-01\n`;
  const expected = parseBuildTopology(SMALL, "t.toml");
  assert.deepEqual(parseBuildTopology(newer.replaceAll("\n", "\r\n"), "t.toml"), expected);
});

for (
  const [name, text, says] of [
    ["no TOML", "[build_stages\n", /line 1: \S/],
    ["an HTML page", "<!DOCTYPE html>\n<html></html>", /line 1: \S/],
    ["nothing", "", /expected tables \[artifact_groups\.NAME\]/],
    ["no tables", 'build_stages = 1\nartifact_groups = "x"', /\[artifact_groups\.NAME\]/],
    ["a stage that is none", `${SMALL}\n[build_stages]\nx = 1`, /\S/],
    [
      "a stage of an unknown group",
      SMALL.replace('["b"]', '["q"]'),
      /build_stages\.late\.artifact_groups names "q", which is not there/,
    ],
    [
      "a group that depends on an unknown one",
      SMALL.replace('deps = ["a"]', 'deps = ["q"]'),
      /artifact_groups\.b\.artifact_group_deps names "q"/,
    ],
    [
      "an artifact of an unknown group",
      `${SMALL}\n[artifacts.w]\nartifact_group = "q"`,
      /artifacts\.w\.artifact_group names "q"/,
    ],
    [
      "an artifact that depends on an unknown one",
      SMALL.replace('["y"]', '["q"]'),
      /artifacts\.x\.artifact_deps names "q"/,
    ],
    ["an artifact of no group", `${SMALL}\n[artifacts.w]`, /artifacts\.w has no artifact_group/],
    [
      "a list that is none",
      SMALL.replace('["b"]', '"b"'),
      /build_stages\.late\.artifact_groups: expected a list of names/,
    ],
    [
      "stages that need each other",
      `${SMALL}artifact_deps = ["v"]\n[artifacts.v]\nartifact_group = "c"\nartifact_deps = ["z"]\n` +
      '[artifact_groups.c]\n[build_stages.other]\nartifact_groups = ["c"]',
      /stages need each other: late, other$/,
    ],
  ] as const
) {
  Deno.test(`parseBuildTopology(): ${name} is one clear line`, () => {
    assert.throws(() => parseBuildTopology(text, "t.toml"), (error) => {
      assert(error instanceof RunOutputsError);
      assert.equal(error.code, "invalid");
      assert.match(error.message, /^Cannot read the build topology 't\.toml': [^\n]+$/);
      assert.match(error.message, says);
      return true;
    });
  });
}

Deno.test("parseBuildTopology(): any text is a topology or an error that says so", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    try {
      parseBuildTopology(text, "t.toml");
    } catch (error) {
      assert(error instanceof RunOutputsError, `${error}`);
    }
  }));
});

Deno.test("findStages(): build order, whatever the order of the names; unknown ones are named", () => {
  const topology = parseBuildTopology(SMALL, "t.toml");
  const names = (asked: string[]) => findStages(topology, asked).map(({ name }) => name);
  assert.deepEqual(names(["late", "early"]), ["early", "late"]);
  assert.throws(
    () => names(["erly"]),
    /Invalid stage "erly": expected one of early, late, all; did you mean 'early'\?/,
  );
  assert.throws(() => names(["EAR"]), /did you mean 'early'\?$/, "a part of the name");
  assert.throws(() => names(["nope"]), /expected one of early, late, all$/);
});
