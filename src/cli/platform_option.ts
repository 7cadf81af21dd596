/**
 * Options whose value is a platform.
 *
 * @module
 */

import { Option } from "commander";
import type { Platform } from "../layout/output_paths.ts";

const PLATFORMS: readonly Platform[] = ["linux", "windows"];

/**
 * An option that takes a platform, in any case: `${{ runner.os }}` is `Linux` or `Windows`.
 *
 * @param flags Its flags.
 * @param description What the platform is of.
 * @returns The option; its value is in lower case.
 */
export function platformOption(flags: string, description: string): Option {
  const option = new Option(flags, description).choices(PLATFORMS);
  const check = option.parseArg!;
  return option.argParser((value: string, before: unknown) =>
    check(tryPlatform(value) ?? value, before)
  );
}

/**
 * Reads a platform.
 *
 * @param text Its name, in any case.
 * @returns The platform; `undefined` if there is no such platform.
 */
export function tryPlatform(text: string): Platform | undefined {
  return PLATFORMS.find((platform) => platform === text.toLowerCase());
}
