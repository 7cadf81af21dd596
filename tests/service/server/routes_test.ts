/** The routes: the JSON of the commands, and what is around it. */

import assert from "node:assert/strict";
import { runs } from "../../support/command_line.ts";
import { serveRuns } from "../../support/service.ts";
import type { TestRun } from "../../support/retained.ts";

const RUNS: Record<string, TestRun> = {
  "125-windows": { parts: { a: ["x"] }, marked: ["b"] },
  "a-b~124-linux": {
    parts: { p: ["logs/g/build.log", "logs/g/r.html", "blas_lib_generic.tar.zst"] },
    expected: ["p"],
    run: { repository: "a/b" },
  },
  "124-linux": { files: ["logs/g/other.log"] },
  "99-linux": { files: ["old.txt"] },
};

Deno.test("routes: the JSON of each command, byte for byte", async () => {
  await using service = await serveRuns(RUNS, { now: undefined });
  for (
    const [target, ...args] of [
      ["retained-runs", "list"],
      ["retained-runs?limit=2&platform=linux", "list", "--limit", "2", "--platform", "linux"],
      ["retained-runs?pinned=false&repo=a/b", "list", "--no-pinned", "--repo", "a/b"],
      ["retained-runs/latest", "latest"],
      ["retained-runs/latest?has=report", "latest", "--has", "report"],
      ["retained-runs/latest?allow_incomplete=true", "latest", "--allow-incomplete"],
      ["retained-runs/99", "show", "99"],
      ["retained-runs/a-b~124-linux", "show", "a-b~124-linux"],
      ["retained-runs/124?repo=a%2Fb", "show", "124", "--repo", "a/b"],
      ["retained-runs/a-b~124-linux/reports", "reports", "a-b~124-linux"],
      ["retained-runs/a-b~124-linux/artifact-manifest", "manifest", "a-b~124-linux"],
      ["retained-runs/99/artifact-manifest", "manifest", "99"],
      ["retained-runs/125/artifact-manifest?kind=other", "manifest", "125", "--kind", "other"],
      ["retained-runs/a-b~124-linux/search?q=build", "search", "a-b~124-linux", "build"],
    ]
  ) {
    const { out } = await runs(0, ["runs", ...args, "--staging-dir", service.dir, "--json"]);
    const { status, headers, text } = await service.ask(`/${target}`);
    assert.equal(status, 200, `${target}: ${text}`);
    assert.equal(text, out, target);
    assert.equal(headers.get("content-type"), "application/json");
    const head = await service.ask(`/${target}`, { method: "HEAD" });
    assert.equal(head.status, 200);
    assert.equal(head.text, "");
    assert.equal(head.headers.get("content-type"), "application/json");
    assert.equal(head.headers.get("content-length"), headers.get("content-length"));
  }
  const manifest = "retained-runs/a-b~124-linux/artifact-manifest?format=sha256sum";
  const lines = await service.ask(`/${manifest}`);
  const args = ["runs", "manifest", "a-b~124-linux", "--format", "sha256sum"];
  assert.equal(lines.text, (await runs(0, [...args, "--staging-dir", service.dir])).out);
  assert.equal(lines.headers.get("content-type"), "text/plain; charset=utf-8");
  assert.deepEqual(service.log, []);
});

Deno.test("routes: problems have a type, a status, an exit code and no path of this machine", async () => {
  await using service = await serveRuns(RUNS);
  for (
    const [target, status, type, exitCode, detail] of [
      ["retained-runs/1", 404, "unknown-run", 3, "No run '1' in the staging directory"],
      ["retained-runs/124", 409, "ambiguous-run", 1, "124-linux"],
      ["retained-runs?limit=0", 400, "invalid", 2, "a whole number from 1 to 1000"],
      ["retained-runs?platfrom=linux", 400, "invalid", 2, "did you mean 'platform'"],
      ["retained-runs?cursor=zzz", 400, "invalid", 2, "the 'next' of an earlier page"],
      ["retained-runs/99/search?q=a&path=old.txt", 400, "invalid", 2, "search/"],
      ["retained-runs/99/search", 400, "invalid", 2, ""],
      ["retained-runs/99/search/none.log?q=a", 404, "not-found", 3, "none.log"],
      ["retained-runs/99?run=124", 400, "invalid", 2, "'run'"],
      ["retained-runs/latest?after=125", 404, "nothing-newer", 3, "newer than 125"],
      ["retained-runs/latest?platform=windows", 404, "no-eligible-run", 3, "125-windows"],
      ["retained-runs/99/artifact-manifest?format=xml", 400, "invalid", 2, "json or sha256sum"],
      ["retained-runs/99/nothing", 404, "not-found", 3, "openapi.json"],
    ] as const
  ) {
    const { status: actual, headers, text } = await service.ask(`/${target}`);
    assert.equal(actual, status, `${target}: ${text}`);
    assert.equal(headers.get("content-type"), "application/problem+json");
    const problem = JSON.parse(text);
    assert.equal(problem.type, `urn:run-outputs:${type}`, target);
    assert.equal(problem.status, status);
    assert.equal(problem.exit_code, exitCode);
    assert(problem.detail.includes(detail), problem.detail);
    assert(!text.includes(service.dir), text);
  }
  const ambiguous = JSON.parse((await service.ask("/retained-runs/124")).text);
  assert.deepEqual(ambiguous.choices, ["124-linux", "a-b~124-linux"]);
});

Deno.test("routes: a page links to the next one, relative to itself", async () => {
  await using service = await serveRuns(RUNS);
  const keys: string[] = [];
  for (let target = "retained-runs?limit=3&platform=linux&q=l"; target !== "";) {
    const { headers, text } = await service.ask(`/${target}`);
    const { runs, next } = JSON.parse(text);
    keys.push(...runs.map(({ key }: { key: string }) => key));
    const link = /^<(\?[^>]+)>; rel="next"$/.exec(headers.get("link") ?? "")?.[1];
    assert.equal(link === undefined, next === undefined);
    target = link === undefined
      ? ""
      : new URL(link, `http://h/${target}`).href.slice("http://h/".length);
  }
  assert.deepEqual(keys, ["124-linux", "a-b~124-linux", "99-linux"]);
});

Deno.test("routes: below the latest run are relative redirects, at any depth and prefix", async () => {
  await using service = await serveRuns(RUNS, { basePath: "/ci" });
  for (
    const [target, expected] of [
      ["latest/reports", "a-b~124-linux/reports"],
      [
        "latest/files/logs/g/r%20a.html?list=1&has=report",
        "a-b~124-linux/files/logs/g/r%20a.html?list=1",
      ],
      ["latest/files/logs/", "a-b~124-linux/files/logs/"],
      [
        "latest/artifact-manifest?platform=linux&kind=log",
        "a-b~124-linux/artifact-manifest?kind=log",
      ],
      ["latest/", "a-b~124-linux/"],
    ]
  ) {
    const repo = `${target.includes("?") ? "&" : "?"}repo=a/b`;
    const { status, headers } = await service.ask(`/ci/retained-runs/${target}${repo}`);
    assert.equal(status, 307, target);
    const location = headers.get("location")!;
    assert.match(location, /^\.\.\//);
    const url = new URL(location, `http://h/prefix/retained-runs/${target}`);
    assert.equal(url.href, `http://h/prefix/retained-runs/${expected}`);
  }
  const { status } = await service.ask("/ci/retained-runs/latest/reports?platform=windows");
  assert.equal(status, 404);
});

Deno.test("routes: the base path, a final slash too many, the root", async () => {
  await using service = await serveRuns(RUNS, { basePath: "/ci/runs/" });
  for (
    const [target, status, location] of [
      ["/ci/runs", 308, "./runs/"],
      ["/ci/runs/", 307, "./retained-runs"],
      ["/ci/runs/retained-runs/?limit=1", 308, "../retained-runs?limit=1"],
      ["/ci/runs/healthz", 200, null],
      ["/ci/healthz", 404, null],
      ["/healthz", 404, null],
      ["/", 404, null],
    ] as const
  ) {
    const answer = await service.ask(target);
    assert.equal(answer.status, status, target);
    assert.equal(answer.headers.get("location"), location, target);
  }
});

Deno.test("routes: JSON from 1 KiB on is compressed for those who accept it", async () => {
  await using service = await serveRuns(RUNS);
  const get = async (target: string) =>
    await fetch(`${service.url}${target}`, { headers: { "accept-encoding": "gzip" } });
  // fetch() unpacks it.
  const list = await get("retained-runs");
  assert.equal(list.headers.get("vary"), "accept-encoding, accept");
  assert.equal((await list.json()).runs.length, 4);
  const raw = await service.ask("/retained-runs", { headers: { "accept-encoding": "gzip" } });
  assert.equal(raw.headers.get("content-encoding"), "gzip");
  const small = await service.ask("/healthz", { headers: { "accept-encoding": "gzip" } });
  assert.equal(small.headers.get("content-encoding"), null);
});

Deno.test("routes: every answer has the security headers, errors too", async () => {
  await using service = await serveRuns(RUNS);
  for (const target of ["/healthz", "/retained-runs", "/nothing", "/a/../b", "/"]) {
    const { headers } = await service.ask(target);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("referrer-policy"), "no-referrer");
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin");
    assert.equal(headers.get("cross-origin-opener-policy"), "same-origin");
    assert.match(headers.get("content-security-policy")!, /^default-src 'none'; script-src 'self'/);
    assert.match(headers.get("cache-control")!, /^no-(?:cache|store)$/);
    assert.equal(headers.get("access-control-allow-origin"), null);
  }
});

Deno.test("/runs: the history of this process, which is empty and says so", async () => {
  await using service = await serveRuns(RUNS);
  const document = JSON.parse((await service.ask("/runs")).text);
  assert.deepEqual(document.jobs, []);
  assert.equal(document.since, "2026-11-30T00:00:00.000Z");
  assert.match(document.note, /empty after a restart/);
});
