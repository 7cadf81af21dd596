/**
 * Where AWS credentials can come from, by what is configured: only these sources are reachable.
 *
 * @module
 */

import { join } from "node:path";
import { amazonDomain } from "../../storage/s3/amazon_host.ts";
import { hostOf } from "./host_of.ts";
import { text } from "./places.ts";
import type { Profiles, Surroundings, Use } from "./invocation.ts";

/** What decides which source is used. */
export interface CredentialQuestion {
  /** The values of the options. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The name of the profile that applies. */
  readonly profile: string;
  /** The regions that requests can be for. */
  readonly regions: readonly string[];
}

/** The default address of the metadata service of an instance. */
const INSTANCE = "169.254.169.254:80";

/** The address of the credentials of a container on ECS. */
const CONTAINER = "169.254.170.2:80";

/**
 * The uses of the sources of credentials.
 *
 * @param question The options, the profile, the regions.
 * @param around The environment and the profiles.
 * @returns The uses; the configuration files alone, if the environment has keys.
 */
export function credentialUses(
  { options, profile, regions }: CredentialQuestion,
  around: Surroundings,
): Use[] {
  const { env } = around;
  const uses = fileUses(around);
  if (options.signRequest === false) return uses;
  const isNamed = text(options.profile) !== undefined || env("AWS_PROFILE");
  if (!isNamed && env("AWS_ACCESS_KEY_ID") && env("AWS_SECRET_ACCESS_KEY")) return uses;
  const chain = chainOf(profile, around.profiles);
  const has = (name: string) => chain.some((settings) => settings[name]);
  const all = [...new Set([...regions, ...chain.flatMap(({ region }) => region ?? [])])];
  const tokenFiles = [
    env("AWS_WEB_IDENTITY_TOKEN_FILE"),
    ...chain.map(({ web_identity_token_file }) => web_identity_token_file),
  ].filter((path) => path);
  for (const path of tokenFiles) uses.push(["read", path!, "the token of the web identity"]);
  if (tokenFiles.length > 0 || has("role_arn")) uses.push(...stsUses(all, around, chain));
  if (has("sso_session") || has("sso_start_url")) uses.push(...ssoUses(chain, around));
  if (has("login_session")) uses.push(...loginUses(all, around));
  // A profile's own keys, or those of the one that its role names, are all that it needs.
  if (has("aws_access_key_id") && !has("credential_source")) return uses;
  return [...uses, ...metadataUses(around)];
}

/** The configuration files, which are read whatever the source is. */
function fileUses({ env, os }: Surroundings): Use[] {
  const home = homeOf({ env, os });
  const standard = (name: string) => home && join(home, ".aws", name);
  const why = "the AWS configuration";
  return [
    env("AWS_CONFIG_FILE") || standard("config"),
    env("AWS_SHARED_CREDENTIALS_FILE") || standard("credentials"),
  ].flatMap((path): Use[] => path ? [["read", path, why]] : []);
}

/**
 * The home directory, as the AWS SDK determines it.
 *
 * @param around The environment.
 * @returns The directory; `undefined`, if there is none.
 */
export function homeOf({ env }: Pick<Surroundings, "env" | "os">): string | undefined {
  const path = env("HOMEPATH");
  return env("HOME") || env("USERPROFILE") || (path && `${env("HOMEDRIVE") || "C:"}${path}`) ||
    undefined;
}

/** A profile, its sessions, and the profiles that it takes credentials from. */
function chainOf(name: string, profiles: Profiles): Profiles[string][] {
  const chain: Profiles[string][] = [];
  for (let at: string | undefined = name, i = 0; at !== undefined && i < 10; i++) {
    const settings: Profiles[string] | undefined = profiles[at];
    if (settings === undefined || chain.includes(settings)) break;
    chain.push(settings);
    const session = profiles[`sso-session.${settings.sso_session}`];
    if (session !== undefined) chain.push(session);
    at = settings.source_profile;
  }
  return chain;
}

function stsUses(
  regions: readonly string[],
  { env }: Surroundings,
  chain: readonly Profiles[string][],
): Use[] {
  const why = "temporary keys from STS";
  const given = [env("AWS_ENDPOINT_URL_STS"), env("AWS_ENDPOINT_URL")]
    .concat(chain.map(({ endpoint_url }) => endpoint_url))
    .flatMap((url) => (url && hostOf(url)) || []);
  const own = regions.flatMap((region) => {
    const domain = amazonDomain(region);
    return [`sts.${region}.${domain}`, `sts-fips.${region}.${domain}`, `sts.${region}.api.aws`];
  }).map((host) => `${host}:443`);
  return [...given, ...own, "sts.amazonaws.com:443", "sts.us-east-1.amazonaws.com:443"]
    .map((host) => ["net", host, why]);
}

function ssoUses(chain: readonly Profiles[string][], around: Surroundings): Use[] {
  const why = "single sign-on";
  const regions = chain.flatMap(({ sso_region }) => sso_region ?? []);
  const home = homeOf(around);
  return [
    ...regions.flatMap((region) => {
      const domain = amazonDomain(region);
      return [`portal.sso.${region}.${domain}:443`, `oidc.${region}.${domain}:443`];
    }).map((host): Use => ["net", host, why]),
    ...home === undefined
      ? []
      : [["write", join(home, ".aws", "sso", "cache"), `tokens of ${why}`] as const],
  ];
}

function loginUses(regions: readonly string[], around: Surroundings): Use[] {
  const why = "the login of the profile";
  const home = homeOf(around);
  const dir = around.env("AWS_LOGIN_CACHE_DIRECTORY") ||
    (home && join(home, ".aws", "login", "cache"));
  return [
    ...regions.map((region): Use => ["net", `${region}.signin.aws.amazon.com:443`, why]),
    ...dir ? [["write", dir, `tokens of ${why}`] as const] : [],
  ];
}

/** The services that give credentials to a container or an instance. */
function metadataUses({ env, profiles }: Surroundings): Use[] {
  const uses: Use[] = [];
  const full = env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  const host = full && hostOf(full);
  const isContainer = host || env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  if (host) uses.push(["net", host, "the container's credentials"]);
  if (env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")) {
    uses.push(["net", CONTAINER, "the container's credentials"]);
  }
  const token = env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (token) uses.push(["read", token, "the token of the container"]);
  if (isContainer || env("AWS_EC2_METADATA_DISABLED")?.toLowerCase() === "true") return uses;
  const shared = profiles.default ?? {};
  const given = env("AWS_EC2_METADATA_SERVICE_ENDPOINT") || shared.ec2_metadata_service_endpoint;
  const mode = env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE") ||
    shared.ec2_metadata_service_endpoint_mode;
  const standard = mode?.toLowerCase() === "ipv6" ? "[fd00:ec2::254]:80" : INSTANCE;
  uses.push(["net", (given && hostOf(given)) || standard, "the instance's credentials"]);
  return uses;
}
