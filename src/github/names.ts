/**
 * Validates input: everything that becomes part of a request to GitHub.
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
 * @returns The SHA in lower case.
 * @throws {RunOutputsError} `invalid`, if it is not a full SHA.
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
 * @throws {RunOutputsError} `invalid`, if it is not a file name of a workflow.
 */
export function checkWorkflow(workflow: string): string {
  if (/^[A-Za-z0-9._-]+$/.test(workflow)) return workflow;
  throw invalid("workflow", workflow, "the name of a workflow's file, such as ci.yml");
}

/**
 * Checks the name of a commit.
 *
 * @param ref A SHA, a branch, a tag or `pull/N`.
 * @returns The name in the form that GitHub's API accepts: `heads/x` and `tags/x` work, `refs/…`
 * does not.
 * @throws {RunOutputsError} `invalid`, if git does not allow such a name.
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
 * Whether the name of a commit can be a SHA, or the beginning of one.
 *
 * @param text The name.
 * @returns `true`, if it can.
 */
export function isHex(text: string): boolean {
  return /^[0-9a-f]{4,40}$/i.test(text);
}
