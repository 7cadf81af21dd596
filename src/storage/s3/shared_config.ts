/**
 * The profile of the shared configuration files, `~/.aws/config` and `~/.aws/credentials`.
 *
 * @module
 */

import { join } from "node:path";
import { invalid } from "../../errors/error.ts";

/** The settings of a profile, by their names in the file. */
export type Profile = Readonly<Record<string, string | undefined>>;

/** A placeholder for the home directory of a process without one. It does not exist. */
const NO_HOME = "/nonexistent";

/**
 * Reads a profile. Without a home directory there are no files, unless environment variables set
 * their paths.
 *
 * @param name The profile. Default: `default`, which may be missing.
 * @param env The environment variables.
 * @returns Its settings. If it has a `services` section, the endpoint there is its `endpoint_url`.
 * @throws {RunOutputsError} `invalid`, if there is no profile with this name.
 */
export async function readProfile(
  name: string | undefined,
  env: (name: string) => string | undefined,
): Promise<Profile> {
  const hasHome = provideHome();
  const { configFile, credentialsFile } = await readFiles(env);
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
 * Reads all profiles and sections of the files.
 *
 * @param env The environment variables.
 * @returns Their settings by name, such as `default` and `services.lab`.
 */
export async function readAllProfiles(
  env: (name: string) => string | undefined,
): Promise<Readonly<Record<string, Profile>>> {
  provideHome();
  const { configFile, credentialsFile } = await readFiles(env);
  const names = new Set([...Object.keys(configFile), ...Object.keys(credentialsFile)]);
  return Object.fromEntries(
    [...names].map((name) => [name, { ...configFile[name], ...credentialsFile[name] }]),
  );
}

/** The sections of both files. A missing or unreadable file has none. */
async function readFiles(
  env: (name: string) => string | undefined,
): Promise<Readonly<Record<"configFile" | "credentialsFile", Record<string, Profile>>>> {
  const [configFilepath, filepath] = [env("AWS_CONFIG_FILE"), env("AWS_SHARED_CREDENTIALS_FILE")];
  // The parser takes a fifth of the driver's start, and most runners have no files.
  const isSet = configFilepath !== undefined || filepath !== undefined || isSetForProcess();
  if (!isSet && !hasStandardFile()) return { configFile: {}, credentialsFile: {} };
  const { loadSharedConfigFiles } = await import("@smithy/core/config");
  return await loadSharedConfigFiles({ configFilepath, filepath });
}

/** Whether the environment of this process, which the SDK reads, sets one of the paths. */
function isSetForProcess(): boolean {
  return ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"].some((name) => Deno.env.get(name));
}

/** Whether one of the files is, or may be, at its standard path. */
function hasStandardFile(): boolean {
  const home = Deno.env.get("HOME") || Deno.env.get("USERPROFILE");
  if (!home) return true;
  return ["config", "credentials"].some((name) => {
    try {
      Deno.statSync(join(home, ".aws", name));
      return true;
    } catch (error) {
      return !(error instanceof Deno.errors.NotFound);
    }
  });
}

/**
 * Sets a home directory for the SDK if this process has none, as in services and containers.
 * Otherwise the SDK would ask the system for the user, and fail without permission; it determines
 * the home directory only from these variables. `USERPROFILE` means nothing to programs outside of
 * Windows, and `HOME` little on Windows.
 */
function provideHome(): boolean {
  const given = ["HOME", "USERPROFILE", "HOMEPATH"].map((name) => Deno.env.get(name));
  if (given.some((value) => value && value !== NO_HOME)) return true;
  Deno.env.set(Deno.build.os === "windows" ? "HOME" : "USERPROFILE", NO_HOME);
  return false;
}
