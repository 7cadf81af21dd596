/**
 * Jobs of one matrix, ten in CI, upload to one run at once, each as a process of its own; one is killed.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { cases } from "../support/cases.ts";
import { startFaultProxy } from "../support/fault_proxy.ts";
import { kill } from "../support/kill.ts";
import { putArchives, RUN } from "../support/staging.ts";
import { readTree, tempDir } from "../support/temp_dir.ts";
import type { Target } from "./pipeline_suite.ts";
import { command, finish, start } from "./processes.ts";

const JOBS = cases(10, 5);
const KILLED = 3;

/** Registers the test for a server. */
export function matrixSuite(name: string, open: () => Promise<Target>): void {
  const title =
    `${name}: many jobs at once, one of them killed: what is missing is named, and its ` +
    "re-run completes the run";
  Deno.test(title, async () => {
    await using dir = await tempDir();
    await using target = await open();
    const numbers = Array.from({ length: JOBS }, (_, i) => i);
    const names = (i: number) => [`x_lib_gfx90${i}.tar.zst`, `y_lib_gfx90${i}.tar.zst`];
    for (const i of numbers) await putArchives(join(dir.path, `${i}`), names(i));
    const parts = numbers.map((i) => `job-${i}`);
    const args = (i: number) => [
      ...["upload", "artifacts", join(dir.path, `${i}`), "--part", parts[i]],
      ...["--expect-parts", parts.join(), ...target.args, ...RUN],
    ];
    const env = (i: number, attempt = 1) => ({
      ...target.env,
      GITHUB_RUN_ID: "123",
      GITHUB_RUN_ATTEMPT: `${attempt}`,
      GITHUB_JOB: "build",
      RUNNER_NAME: `runner ${attempt}.${i}`,
      XDG_STATE_HOME: join(dir.path, "state"),
    });
    const list = async () => {
      const { code, stdout, stderr } = await command(
        ["list", ...target.args, ...RUN, "--json"],
        target.env,
      );
      assert.equal(code, 0, stderr);
      const { manifest, files } = JSON.parse(stdout);
      const told = files.filter((file: { parts?: string[] }) => file.parts !== undefined);
      return { manifest, told: told.map((file: { path: string }) => file.path) };
    };
    const fetch = (out: string) =>
      command([
        ...["fetch", "--require-complete", "--require-checksums", "--no-extract"],
        ...["-o", join(dir.path, out), ...target.args, ...RUN],
      ], target.env);
    const pathsOf = (some: readonly number[]) =>
      some.flatMap(names).flatMap((name) => [name, `${name}.sha256sum`]).sort();

    // In the middle of its second archive it stands still, until it is killed.
    await using proxy = startFaultProxy(target.env.AWS_ENDPOINT_URL_S3);
    proxy.set({
      when: (method, path) => method === "PUT" && path.endsWith(`/${names(KILLED)[1]}`),
      times: 100,
      fault: { kind: "stall", on: "request", at: 100 },
    });
    const victim = start([...args(KILLED), "--concurrency", "1"], "null", {
      ...env(KILLED),
      AWS_ENDPOINT_URL_S3: proxy.url,
    });
    const others = numbers.filter((i) => i !== KILLED);
    const running = Promise.all(others.map((i) => finish(args(i), env(i))));
    let ended = false;
    const status = victim.status.finally(() => ended = true);
    while (proxy.count === 0 && !ended) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(ended, false, "it ended before it was killed");
    kill(victim);
    await status;
    for (const { code, stderr } of await running) assert.equal(code, 0, stderr);

    const most = await list();
    assert.deepEqual(most.manifest.missing, [parts[KILLED]]);
    assert.deepEqual(most.manifest.unfinished, [
      { part: parts[KILLED], pending: names(KILLED), unlisted: [] },
    ]);
    assert.deepEqual(most.manifest.parts.map(({ part }: { part: string }) => part).sort(), [
      ...others.map((i) => parts[i]),
    ]);
    assert.deepEqual(most.told, pathsOf(others));
    const refused = await fetch("most");
    assert.equal(refused.code, 7, refused.stderr);
    assert.match(
      refused.stderr,
      new RegExp(
        `upload of part ${parts[KILLED]} .*pending: ${names(KILLED).join(", ")}`,
      ),
    );

    const again = await command(args(KILLED), env(KILLED, 2));
    assert.equal(again.code, 0, again.stderr);
    const all = await list();
    assert.equal(all.manifest.complete, true);
    assert.deepEqual(all.manifest.unfinished, []);
    assert.deepEqual(all.told, pathsOf(numbers));
    const fetched = await fetch("all");
    assert.equal(fetched.code, 0, fetched.stderr);
    assert.deepEqual(
      Object.keys(await readTree(join(dir.path, "all"))),
      numbers.flatMap(names).sort(),
    );
  });
}
