/**
 * The hosts that a command line may reach: the S3 server of its runs, a service, GitHub, and those
 * that credentials can come from.
 *
 * @module
 */

import { BUCKETS, HOME_REGION } from "../../layout/bucket_inventory.ts";
import { amazonHost } from "../../storage/s3/amazon_host.ts";
import { hostOf } from "./host_of.ts";
import { credentialUses } from "./credential_hosts.ts";
import { changesRuns, outputDir, runsDir, text, texts, userDir } from "./places.ts";
import type { CommandLine, Profiles, Surroundings, Use } from "./invocation.ts";

/**
 * The host of GitHub's API.
 *
 * @param url The value of `$GITHUB_API_URL`.
 * @returns `host:port`.
 */
export function githubHost(url: string | undefined): string {
  return (url ? hostOf(url) : undefined) ?? "api.github.com:443";
}

/**
 * The uses of servers for runs, of the AWS configuration, and of journals of uploads.
 *
 * @param line The command line.
 * @param around Its environment.
 * @returns The uses; none, if everything is on disk.
 */
export function s3Uses(line: CommandLine, around: Surroundings): Use[] {
  const { command, options } = line;
  if (command === "serve") return serveUses(line, around);
  const uses: Use[] = [];
  const server = text(options.server);
  if (server !== undefined) uses.push(...serviceUses(server, "the service (--server)", around));
  if (usesS3(line, around)) uses.push(...bucketUses(line, around));
  return uses;
}

/**
 * Whether a command can use a bucket.
 *
 * @param line The command line.
 * @param around Its environment.
 * @returns `false`, if everything is on disk or in a service.
 */
export function usesS3(line: CommandLine, around: Surroundings): boolean {
  const { command, args, options } = line;
  if (command === "serve") {
    const sources = (options.mirrorSource ?? []) as { readonly place: string }[];
    return runsDir(line, around) === undefined ||
      sources.some(({ place }) => bucketOf(place).length > 0);
  }
  const staging = around.env("THEROCK_LOCAL_STAGING_DIR") || undefined;
  if (command.startsWith("upload ") || command === "import") {
    return outputDir(line, around) === undefined;
  }
  if (command.startsWith("cache ") || command === "status") return false;
  if (command === "copy") {
    const from = text(options.server) ?? text(options.fromStaging) ?? staging;
    return from === undefined || (text(options.toStaging) ?? staging) === undefined;
  }
  // A directory is verified and indexed alone; it is repaired from a run.
  const ownDir = (command === "verify" || command === "index") && text(args[0]) !== undefined;
  if (ownDir && options.repair !== true) return false;
  if (command === "diff" && text(options.stagingDirB) !== undefined) {
    return runsDir(line, around) === undefined && options.server === undefined;
  }
  if (/^bisect (?!start)/.test(command) && Object.keys(options).length <= 1) return false;
  return options.server === undefined && runsDir(line, around) === undefined;
}

function bucketUses(line: CommandLine, around: Surroundings): Use[] {
  const { options } = line;
  const { env, profiles } = around;
  const profile = profileOf(options, around);
  const shared = profiles[profile] ?? {};
  const uses: Use[] = [];
  const endpoint = text(options.endpointUrl) ?? configuredEndpoint(env, shared, profiles);
  const regions = regionsOf(options, env, shared);
  const host = endpoint === undefined ? undefined : hostOf(endpoint);
  if (host !== undefined) uses.push(["net", host, "the S3 server"]);
  else if (endpoint === undefined) {
    for (const to of amazonHosts(line, regions, variantOf(env, shared))) {
      uses.push(["net", `${to}:443`, "the buckets on Amazon S3"]);
    }
  }
  const bundle = env("AWS_CA_BUNDLE") || shared.ca_bundle;
  if (bundle) uses.push(["read", bundle, "certificates ($AWS_CA_BUNDLE)"]);
  uses.push(...credentialUses({ options, profile, regions }, around));
  const journals = userDir(around, "state");
  if (journals !== undefined && writesBucket(line)) {
    uses.push(["write", journals, "journals of interrupted uploads"]);
  }
  return uses;
}

function writesBucket(line: CommandLine): boolean {
  return /^(?:upload |copy$|import$|stale-uploads$)/.test(line.command) || changesRuns(line);
}

/** The name of the profile that applies. */
function profileOf(
  options: CommandLine["options"],
  { env }: Surroundings,
): string {
  return text(options.profile) ?? (env("AWS_PROFILE") || "default");
}

function configuredEndpoint(
  env: Surroundings["env"],
  shared: Profiles[string],
  profiles: Profiles,
): string | undefined {
  const ignored = env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") ||
    shared.ignore_configured_endpoint_urls;
  if (ignored?.toLowerCase() === "true") return undefined;
  const services = profiles[`services.${shared.services}`];
  return env("AWS_ENDPOINT_URL_S3") || env("AWS_ENDPOINT_URL") ||
    services?.["s3.endpoint_url"] || shared.endpoint_url;
}

/** The regions that requests can be for. */
function regionsOf(
  options: CommandLine["options"],
  env: Surroundings["env"],
  shared: Profiles[string],
): string[] {
  const own = text(options.region) ?? (env("AWS_REGION") || env("AWS_DEFAULT_REGION")) ??
    shared.region;
  return [...new Set([own || HOME_REGION, ...options.region === undefined ? [HOME_REGION] : []])];
}

function variantOf(env: Surroundings["env"], shared: Profiles[string]) {
  const is = (name: string, configured: string | undefined) =>
    (env(name) || configured)?.toLowerCase() === "true";
  return {
    fips: is("AWS_USE_FIPS_ENDPOINT", shared.use_fips_endpoint),
    dualStack: is("AWS_USE_DUALSTACK_ENDPOINT", shared.use_dualstack_endpoint),
  };
}

/** The hosts of the buckets: one label each, so that no other bucket can be reached. */
function amazonHosts(
  { command, args, options }: CommandLine,
  regions: readonly string[],
  variant: Parameters<typeof amazonHost>[1],
): string[] {
  const named = [options.bucket, options.bucketB, options.sourceBucket].flatMap(texts);
  const others = BUCKETS.map(({ name }) => name);
  // Where one bucket is given, the other end of a copy or comparison can be any.
  const isAll = named.length === 0 || command === "copy" || command === "diff";
  const uris = command === "export" ? [] : args.flatMap(texts).flatMap(bucketOf);
  const buckets = [...new Set([...named, ...uris, ...isAll ? others : []])];
  const hosts: string[] = [];
  for (const bucket of buckets) {
    const isKnown = others.includes(bucket);
    // The server reports where an unknown bucket is.
    const places = isKnown && regions.includes(HOME_REGION) && options.region === undefined
      ? [HOME_REGION, ...regions]
      : [...regions, ...REGIONS];
    for (const region of new Set(places)) {
      const host = amazonHost(region, variant);
      hosts.push(bucket.includes(".") ? host : `${bucket}.${host}`);
    }
  }
  return hosts;
}

function bucketOf(uri: string): string[] {
  const [, bucket] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/|$)/.exec(uri) ?? [];
  return bucket === undefined ? [] : [bucket];
}

/** Where S3 can say that a bucket is: the regions of Amazon's main partition. */
const REGIONS: readonly string[] = [
  ...["us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "ca-west-1"],
  ...["eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2"],
  ...["eu-west-1", "eu-west-2", "eu-west-3", "il-central-1", "me-central-1", "me-south-1"],
  ...["ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3"],
  ...["ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3"],
  ...["ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7"],
  ...["af-south-1", "mx-central-1", "sa-east-1"],
];

function serviceUses(url: string, why: string, { env }: Surroundings): Use[] {
  const host = hostOf(url);
  if (host === undefined) return [];
  const bundle = env("AWS_CA_BUNDLE");
  return [
    ["net", host, why],
    ...bundle ? [["read", bundle, "certificates ($AWS_CA_BUNDLE)"] as const] : [],
  ];
}

function serveUses(line: CommandLine, around: Surroundings): Use[] {
  const { options } = line;
  const check = text(options.check);
  if (check !== undefined) return serviceUses(check, "the service to check", around);
  const uses: Use[] = [];
  const socket = text(options.socket);
  if (socket !== undefined) uses.push(["net", `unix:${socket}`, "the socket to listen on"]);
  else {
    const name = text(options.host) ?? "127.0.0.1";
    const host = name.includes(":") && !name.startsWith("[") ? `[${name}]` : name;
    const port = options.port ?? 8080;
    uses.push(["net", port === 0 ? host : `${host}:${port}`, "the address to listen on"]);
  }
  const places = ((options.mirrorSource ?? []) as { readonly place: string }[])
    .map(({ place }) => place);
  for (const place of places.filter((place) => /^https?:/i.test(place))) {
    uses.push(...serviceUses(place, "a source of mirrors", around));
  }
  const buckets = places.flatMap(bucketOf);
  if (runsDir(line, around) === undefined) uses.push(...bucketUses(line, around));
  else if (buckets.length > 0) {
    uses.push(...bucketUses({ ...line, options: { ...options, bucket: buckets } }, around));
  }
  return uses;
}
