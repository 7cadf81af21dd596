/** A server that is out of reach is reported once, after two seconds, with the reason. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { createS3Backend } from "../../../src/storage/s3/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { SlowNotice } from "../../../src/storage/s3/slow_notice.ts";
import { main } from "../../../src/cli/main.ts";
import { FakeIo } from "../../support/fake_io.ts";
import { testOptions } from "../../support/s3_subject.ts";

const at = new OutputLocation("suite", "1-linux/a");
const HOST = "127.0.0.1:9";

/** What a request is answered with. */
type Answer = () => Response | Error;
const refused: Answer = () => new TypeError("tcp connect error: Connection refused (os error 111)");
const missing: Answer = () => new Response(null, { status: 404 });
const down: Answer = () => new Response(null, { status: 503 });

/** A backend, the lines that it reports, and the next answers. Two seconds pass before `late` ones. */
async function world() {
  const lines: string[] = [];
  const due = new Set<() => void>();
  const answers: { readonly answer: Answer; readonly isLate: boolean }[] = [];
  const backend = await createS3Backend(testOptions(`http://${HOST}`, {
    retry: { maxAttempts: 3, baseDelay: 0 },
    onSlow: (text) => lines.push(text),
    schedule(milliseconds, callback) {
      assert.equal(milliseconds, 2000);
      due.add(callback);
      return () => due.delete(callback);
    },
    fetch() {
      const { answer, isLate } = answers.shift()!;
      if (isLate) { for (const callback of due) callback(); }
      const given = answer();
      return given instanceof Error ? Promise.reject(given) : Promise.resolve(given);
    },
  }));
  return {
    backend,
    lines,
    due,
    add: (answer: Answer, isLate = false) => void answers.push({ answer, isLate }),
    [Symbol.dispose]: () => backend[Symbol.dispose](),
  };
}

Deno.test("s3: no answer for two seconds is reported, once, and not after an answer", async () => {
  using w = await world();
  w.add(missing);
  await assert.rejects(w.backend.stat(at));
  assert.equal(w.due.size, 0);
  for (let i = 0; i < 2; i++) {
    w.add(missing, true);
    await assert.rejects(w.backend.stat(at));
    assert.deepEqual(w.lines, [`no answer from ${HOST} for 2 s; still waiting, for at most 4 min`]);
    assert.equal(w.due.size, 0);
  }
});

for (
  const [what, answer, why] of [
    [
      "that refuses connections",
      refused,
      /': connection refused \(127\.0\.0\.1:9\); trying/,
    ],
    ["that is down", down, /': [^;]*503[^;]*; trying/],
  ] as const
) {
  Deno.test(`s3: a server ${what} is reported while requests are repeated`, async () => {
    using w = await world();
    w.add(answer);
    w.add(answer, true);
    w.add(missing);
    await assert.rejects(w.backend.stat(at));
    assert.equal(w.lines.length, 1);
    assert.match(w.lines[0], why);
    assert.match(w.lines[0], /; trying again, for at most 4 min$/);
    assert.equal(w.due.size, 0);
  });
}

Deno.test("s3: a write may take long, and is only reported when it is repeated", async () => {
  using w = await world();
  const written = () => new Response(null, { headers: { etag: '"e"' } });
  w.add(written, true);
  await w.backend.write(at, bytesSource("a"));
  assert.deepEqual(w.lines, []);
  w.add(refused);
  w.add(written, true);
  await w.backend.write(at, bytesSource("a"));
  assert.equal(w.lines.length, 1);
  assert.equal(w.due.size, 0);
});

Deno.test("s3: a request that has failed for good is not reported as repeated", async () => {
  using w = await world();
  for (let i = 0; i < 3; i++) w.add(down);
  await assert.rejects(w.backend.stat(at), /503/);
  assert.equal(w.due.size, 0);
  const controller = new AbortController();
  w.add(down);
  w.add(() => {
    controller.abort(new Error("enough"));
    return down() as Response;
  });
  await assert.rejects(w.backend.stat(at, { signal: controller.signal }), { message: "enough" });
  assert.equal(w.due.size, 0);
  assert.deepEqual(w.lines, []);
});

Deno.test("s3: a failure for good does not end the notice of a request that is repeated", () => {
  const lines: string[] = [];
  const due = new Set<() => void>();
  using notice = new SlowNotice({
    patience: 60_000,
    onSlow: (text) => lines.push(text),
    schedule(_, callback) {
      due.add(callback);
      return () => due.delete(callback);
    },
  });
  const [first, second] = [{}, {}];
  notice.failing(first, new Error("first"));
  notice.failing(second, new Error("second"));
  notice.gaveUp(second);
  assert.equal(due.size, 1);
  for (const callback of due) callback();
  assert.deepEqual(lines, ["first; trying again, for at most 1 min"]);
});

Deno.test("s3: a line on stderr if a server can't be reached, once, not with -q", async () => {
  const keys = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b", AWS_MAX_ATTEMPTS: "2" };
  // Nothing listens there.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const place = ["--bucket", "suite", "--endpoint-url", `http://127.0.0.1:${port}`];
  for (const quiet of [[], ["-q"]]) {
    const io = new FakeIo(keys);
    io.schedule = (_, callback) => {
      callback();
      return () => {};
    };
    const args = ["list", "--run-id", "1", "--platform", "linux", "--json", ...place, ...quiet];
    assert.equal(await main(args, io), 5);
    const notes = io.err.match(/^note: .*; (?:still waiting|trying again), for at most 4 min$/mg);
    assert.equal(notes?.length ?? 0, quiet.length === 0 ? 1 : 0, io.err);
  }
});
