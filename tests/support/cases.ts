/**
 * How many cases a property test makes: few by default, all of them in CI.
 *
 * @module
 */

/** The part of the cases that runs by default, and the fewest that say something. */
const PART = 0.1;
const FEWEST = 20;

/** Whether everything runs at its full length, as in CI. */
export const isFull: boolean = Deno.env.get("RUN_OUTPUTS_TEST_CASES") === "full";

/**
 * The number of cases that a test makes now.
 *
 * `RUN_OUTPUTS_TEST_CASES=full`, as `.ci/run` sets it, gives all of them; a number multiplies them,
 * for example `20` to look for rare failures overnight.
 *
 * @param full How many there are in CI.
 * @param fewest How few there may be by default.
 * @param setting The value of the variable.
 * @returns A number of cases, at least 1.
 * @throws {Error} If the variable is neither `full` nor a number above 0.
 */
export function cases(
  full: number,
  fewest: number = FEWEST,
  setting: string | undefined = Deno.env.get("RUN_OUTPUTS_TEST_CASES"),
): number {
  if (setting === undefined || setting === "") {
    return Math.min(full, Math.max(fewest, Math.ceil(full * PART)));
  }
  const factor = setting === "full" ? 1 : Number(setting);
  if (!(factor > 0 && factor < Infinity)) {
    throw new Error(`RUN_OUTPUTS_TEST_CASES is '${setting}': use 'full' or a number above 0`);
  }
  return Math.ceil(full * factor);
}
