/**
 * The profile of the shared configuration files, `~/.aws/config` and `~/.aws/credentials`.
 *
 * @module
 */

import { loadSharedConfigFiles } from "@smithy/core/config";
import { invalid } from "../../errors/error.ts";

/** The settings of a profile, by their names in the file. */
export type Profile = Readonly<Record<string, string | undefined>>;

/** Stands for the home of a process that has none. Nothing is there. */
const NO_HOME = "/nonexistent";

/**
 * Reads a profile. Without a home directory there are no files, unless the environment names them.
 *
 * @param name The profile; `default`, which may be missing, if none is given.
 * @param env The environment.
 * @returns Its settings. The endpoint of its `services` section, if there is one, is its
 * `endpoint_url`.
 * @throws {RunOutputsError} `invalid`, if there is no profile with this name.
 */
export async function readProfile(
  name: string | undefined,
  env: (name: string) => string | undefined,
): Promise<Profile> {
  const hasHome = provideHome();
  const { configFile, credentialsFile } = await loadSharedConfigFiles({
    configFilepath: env("AWS_CONFIG_FILE"),
    filepath: env("AWS_SHARED_CREDENTIALS_FILE"),
  });
  const found = name ?? "default";
  if (
    name !== undefined && !Object.hasOwn(configFile, found) &&
    !Object.hasOwn(credentialsFile, found)
  ) {
    const known = [...new Set([...Object.keys(configFile), ...Object.keys(credentialsFile)])]
      .filter((section) => !/^(?:services|sso-session)\./.test(section));
    const none = hasHome ? "none defined there" : "HOME is not set";
    throw invalid(
      "profile",
      name,
      known.length === 0
        ? `a profile of ~/.aws/config or ~/.aws/credentials (${none})`
        : `one of ${known.join(", ")}`,
    );
  }
  const profile: Profile = { ...configFile[found], ...credentialsFile[found] };
  const services = configFile[`services.${profile.services}`];
  return { ...profile, endpoint_url: services?.["s3.endpoint_url"] ?? profile.endpoint_url };
}

/**
 * Gives the SDK a home if this process has none, as in services and containers. The SDK would ask
 * the system for the user, and fail without the permission to; its way to look for the home is by
 * these variables alone. `USERPROFILE` means nothing to programs on other systems than Windows, and
 * `HOME` little to those on Windows.
 */
function provideHome(): boolean {
  const given = ["HOME", "USERPROFILE", "HOMEPATH"].map((name) => Deno.env.get(name));
  if (given.some((value) => value && value !== NO_HOME)) return true;
  Deno.env.set(Deno.build.os === "windows" ? "HOME" : "USERPROFILE", NO_HOME);
  return false;
}
