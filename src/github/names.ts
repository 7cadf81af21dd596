/**
 * Checks at the door: what becomes part of a request to GitHub.
 *
 * @module
 */

import { invalid } from "../errors/error.ts";

/**
 * Checks a run's id.
 *
 * @param runId The id.
 * @returns Its digits.
 * @throws {RunOutputsError} `invalid`, if GitHub has no such ids.
 */
export function checkRunNumber(runId: string | number): string {
  const text = String(runId);
  if (/^[1-9]\d{0,15}$/.test(text) && Number.isSafeInteger(Number(text))) return text;
  throw invalid("run id", runId, "a run's number on GitHub");
}

/**
 * Checks a full SHA.
 *
 * @param sha The SHA.
 * @returns It in lower case.
 * @throws {RunOutputsError} `invalid`, if it is invalid.
 */
export function checkFullSha(sha: string): string {
  if (/^[0-9a-f]{40}$/i.test(sha)) return sha.toLowerCase();
  throw invalid("commit", sha, "a full SHA of 40 digits");
}

/**
 * Checks the file name of a workflow.
 *
 * @param workflow The name.
 * @returns The name.
 * @throws {RunOutputsError} `invalid`, if it is invalid.
 */
export function checkWorkflow(workflow: string): string {
  if (/^[A-Za-z0-9._-]+$/.test(workflow)) return workflow;
  throw invalid("workflow", workflow, "the name of a workflow's file, such as ci.yml");
}

/**
 * Checks what names a commit.
 *
 * @param ref A SHA, a branch, a tag or `pull/N`.
 * @returns It as GitHub's API wants it: `heads/x` and `tags/x` it knows, `refs/…` it does not.
 * @throws {RunOutputsError} `invalid`, if git could not have such a name.
 */
export function checkRef(ref: string): string {
  const name = ref.replace(/^refs\/(?=heads\/|tags\/|pull\/)/, "");
  // deno-lint-ignore no-control-regex -- git forbids control characters and spaces in a ref
  if (name === "" || /[\x00-\x20\x7f~^:?*[\\]|\.\.|^\/|\/$|^-/.test(name)) {
    throw invalid("commit or ref", ref, "a SHA, a branch, a tag or pull/N");
  }
  return name;
}

/**
 * Whether a name of a commit can be a SHA, or the beginning of one.
 *
 * @param text The name.
 * @returns Whether it can.
 */
export function isHex(text: string): boolean {
  return /^[0-9a-f]{4,40}$/i.test(text);
}
