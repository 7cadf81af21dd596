/** Checks: none stops another, whatever it does. */

import assert from "node:assert/strict";
import { RunOutputsError } from "../../../src/errors/error.ts";
import {
  type Check,
  type Finding,
  NotChecked,
  ok,
  runChecks,
  worstCode,
  worstStatus,
} from "../../../src/operations/doctor/check.ts";

const good: Check = { name: "good", run: () => ok("fine") };

Deno.test("checks: each has a finding, in their order, whatever the others do", async () => {
  const findings = await runChecks([
    {
      name: "refused",
      run: () => {
        throw new RunOutputsError(
          "denied",
          "Cannot list 'x': access denied; ask the owner; or not",
        );
      },
    },
    good,
    { name: "broken", run: () => Promise.reject(new TypeError("no\nline")) },
    { name: "dependent", run: () => Promise.reject(new NotChecked("no connection")) },
  ]);
  assert.deepEqual(findings, [
    {
      check: "refused",
      status: "error",
      message: "Cannot list 'x': access denied",
      advice: "ask the owner; or not",
      code: "denied",
    },
    { check: "good", status: "ok", message: "fine", details: undefined },
    { check: "broken", status: "error", message: "no line", advice: undefined, code: "failed" },
    { check: "dependent", status: "warning", message: "not checked: no connection" },
  ]);
});

Deno.test("checks: one that hangs is aborted when its time is over, and may clean up", async () => {
  const overs: (() => void)[] = [];
  let cancelled = 0;
  const timer = (over: () => void) => {
    overs.push(over);
    return () => void cancelled++;
  };
  let cleaned = false;
  const cleaning: Check = {
    name: "cleaning",
    run: (signal) =>
      new Promise((_, reject) =>
        signal.addEventListener("abort", async () => {
          await Promise.resolve();
          cleaned = true;
          reject(signal.reason);
        })
      ),
  };
  const deaf: Check = { name: "deaf", run: () => new Promise(() => {}) };
  const running = runChecks([good, cleaning, deaf], { timer });
  // The time of the first, of the other two, then of their ends.
  for (let i = 0; i < 3; i++) overs[i]();
  assert.equal(overs.length, 6);
  overs[5]();
  const findings = await running;
  assert.deepEqual(
    findings.map(({ check, status, code }) => [check, status, code]),
    [["good", "ok", undefined], ["cleaning", "error", "transient"], ["deaf", "error", "transient"]],
  );
  assert.match(findings[2].message, /no answer within 20 s/);
  assert(cleaned);
  assert.equal(cancelled, 6, "no timer is left");
});

Deno.test("checks: an interruption ends them all, with its reason", async () => {
  const controller = new AbortController();
  const reason = new Error("interrupted");
  const hanging: Check = {
    name: "hanging",
    run: (signal) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  };
  const running = runChecks([hanging, good], { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(running, reason);
  await assert.rejects(runChecks([good], { signal: controller.signal }), reason);
});

Deno.test("checks: the worst finding is the error that must be solved first", () => {
  const finding = (status: Finding["status"], code?: Finding["code"]): Finding => ({
    check: "x",
    message: "",
    status,
    code,
  });
  assert.deepEqual([worstStatus([]), worstCode([])], ["ok", undefined]);
  const warned = [finding("ok"), finding("warning", "invalid")];
  assert.deepEqual([worstStatus(warned), worstCode(warned)], ["warning", undefined]);
  const codes = ["failed", "denied", "unauthenticated", "transient", "invalid"] as const;
  for (let i = 0; i < codes.length; i++) {
    const errors = codes.slice(0, i + 1).map((code) => finding("error", code));
    assert.deepEqual([worstStatus(errors), worstCode(errors)], ["error", codes[i]]);
  }
  assert.equal(worstCode([finding("error")]), "failed");
});
