/**
 * What the facts about a connection to S3 mean.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { bucketInfo } from "../../layout/bucket_inventory.ts";
import type { Contact, CredentialsInfo } from "../../storage/s3/diagnosis.ts";
import type { Enforcement } from "../../storage/s3/probe_writes.ts";
import type { S3Settings } from "../../storage/s3/settings.ts";
import { failed, ok, type Verdict, warning } from "./check.ts";
import { duration } from "./text.ts";

const MINUTE = 60_000;

/** A larger difference is worth a warning, in milliseconds. */
const SMALL_SKEW = MINUTE;

/** S3 rejects signatures whose time differs by more than this. */
const MAX_SKEW = 15 * MINUTE;

/** The driver does not follow the clock of a server that is further away. */
const DAY = 24 * 60 * MINUTE;

/** Credentials that expire sooner may not last for a job. */
const SOON = 15 * MINUTE;

/**
 * Judges credentials.
 *
 * @param found The credentials.
 * @param settings The settings of the connection.
 * @param now Milliseconds since 1970.
 * @returns The verdict.
 */
export function credentialsVerdict(
  found: CredentialsInfo | undefined,
  { noSignRequest }: Pick<S3Settings, "noSignRequest">,
  now: number,
): Verdict {
  if (noSignRequest) return ok("requests are not signed (--no-sign-request)");
  if (found === undefined) {
    return warning(
      "none: public data can be read, nothing can be written",
      "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or --profile",
    );
  }
  const { source, keyId, expiration } = found;
  const key = `key ${keyId} of ${source}`;
  const details = { source, key_id: keyId, expires: expiration?.toISOString() ?? null };
  if (expiration === undefined) return ok(key, details);
  const left = expiration.getTime() - now;
  if (left <= 0) {
    return {
      status: "error",
      code: "unauthenticated",
      message: `${key}, expired ${duration(-left)} ago`,
      advice: "renew the credentials",
      details,
    };
  }
  const message = `${key}, valid for ${duration(left)}`;
  return left < SOON
    ? warning(
      message,
      "renew the credentials before a long job, or use a source that renews them",
      details,
    )
    : ok(message, details);
}

/**
 * Judges the clock.
 *
 * @param skew How far the server's clock is ahead of ours, in milliseconds.
 * @returns The verdict.
 */
export function clockVerdict(skew: number | undefined): Verdict {
  if (skew === undefined) return warning("the server does not send the time", "check proxies");
  const away = Math.abs(skew);
  const details = { skew_seconds: Math.round(skew / 1000) };
  if (away <= SMALL_SKEW) return ok("agrees with the server's", details);
  const message = `this machine's clock is ${duration(away)} ${
    skew < 0 ? "ahead of" : "behind"
  } the server's`;
  const advice = "set it, by NTP for instance";
  if (away <= MAX_SKEW) return warning(message, advice, details);
  if (away <= DAY) {
    return warning(
      message,
      `${advice}: until then, requests are signed with the server's time, and other programs fail`,
      details,
    );
  }
  return { status: "error", code: "unauthenticated", message, advice, details };
}

/**
 * Judges the region.
 *
 * @param contact The answer of the server.
 * @param bucket The bucket.
 * @param settings The settings of the connection.
 * @returns The verdict.
 */
export function regionVerdict(
  { region }: Pick<Contact, "region">,
  bucket: string,
  settings: Pick<S3Settings, "region" | "regionIsExplicit" | "endpoint">,
): Verdict {
  const details = { region, configured: settings.region };
  const isKnown = settings.endpoint === undefined && bucketInfo(bucket)?.region === region;
  if (region === settings.region || (isKnown && !settings.regionIsExplicit)) {
    return ok(region, details);
  }
  return warning(
    `the bucket is in ${region}, not in ${settings.region}`,
    `set ${settings.regionIsExplicit ? "--region" : "--region or AWS_REGION"} to ${region}`,
    details,
  );
}

/**
 * Judges the access to the bucket.
 *
 * @param bucket The bucket.
 * @param contact The answer of the server.
 * @returns The verdict.
 */
export function accessVerdict(bucket: string, { error }: Pick<Contact, "error">): Verdict {
  const details = { bucket };
  return error === undefined
    ? ok(`s3://${bucket} can be listed`, details)
    : { ...failed(error), details };
}

/**
 * Judges which certificates are trusted.
 *
 * @param settings The settings of the connection.
 * @returns The verdict.
 */
export function certificatesVerdict(
  { caBundle, env }: Pick<S3Settings, "caBundle" | "env">,
): Verdict {
  const own = caBundle?.match(/-----BEGIN CERTIFICATE-----/g)?.length ?? 0;
  const store = env("DENO_TLS_CA_STORE") || "mozilla";
  const cert = env("DENO_CERT");
  const more = [
    ...cert ? [`those of DENO_CERT`] : [],
    ...own > 0 ? [`${own} of AWS_CA_BUNDLE (for S3 and its credentials)`] : [],
  ];
  const message = [`the runtime's (${store})`, ...more].join(", and ");
  return ok(message, { store, ca_bundle: own, deno_cert: Boolean(cert) });
}

/** What a server does with demands, by their names. */
export type Demands = Readonly<Record<string, Enforcement | RunOutputsError>>;

/**
 * Judges what a server does with conditions of writes: all have to be enforced.
 *
 * @param found The results.
 * @returns The verdict.
 */
export function conditionsVerdict(found: Demands): Verdict {
  const failure = failedDemand(found);
  if (failure !== undefined) return failure;
  const details = demandDetails(found);
  const said = [
    ["enforces", named(found, "enforced")],
    ["enforces, unless requests come at the same time,", named(found, "racy")],
    ["ignores", named(found, "ignored")],
    ["does not support", named(found, "unsupported")],
  ].filter(([, names]) => names !== "").map(([verb, names]) => `${verb} ${names}`);
  const message = `the server ${said.join(", and ")}`;
  const all = Object.values(found).every((result) => result === "enforced");
  return all ? ok(message, details) : warning(
    message,
    "two uploads of one file at the same time can both succeed: give each job its own --part",
    details,
  );
}

/**
 * Judges what a server does with the hashes of a body: one that is verified is enough.
 *
 * @param found The results.
 * @returns The verdict.
 */
export function checksumsVerdict(found: Demands): Verdict {
  const verified = named(found, "enforced");
  const details = demandDetails(found);
  if (verified !== "") return ok(`the server verifies ${verified}`, details);
  return failedDemand(found) ?? warning(
    "the server verifies no hash of a body",
    "altered bytes are stored: run 'run-outputs verify' after uploads",
    details,
  );
}

function named(found: Demands, wanted: Enforcement): string {
  return Object.keys(found).filter((name) => found[name] === wanted).join(" and ");
}

function failedDemand(found: Demands): Verdict | undefined {
  const [name, error] = Object.entries(found)
    .find(([, result]) => result instanceof RunOutputsError) ?? [];
  if (error === undefined) return undefined;
  const { message, advice } = failed(error);
  const details = demandDetails(found);
  return { status: "warning", message: `${name}: ${message}`, advice, details };
}

function demandDetails(found: Demands): NonNullable<Verdict["details"]> {
  return Object.fromEntries(
    Object.entries(found).map(([name, result]) => [
      name.toLowerCase().replace(/[^a-z0-9]+/g, "_"),
      result instanceof RunOutputsError ? "failed" : result,
    ]),
  );
}
