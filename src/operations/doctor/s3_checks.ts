/**
 * Checks of the connection to S3: endpoint, credentials, clock, region, access, and what the server
 * enforces.
 *
 * @module
 */

import { OutputLocation } from "../../layout/output_location.ts";
import type { Contact, S3Diagnosis } from "../../storage/s3/diagnosis.ts";
import type { WriteTest } from "../../storage/s3/probe_writes.ts";
import type { S3BackendOptions } from "../../storage/s3/settings.ts";
import { type Check, failed, NotChecked, ok, type Verdict, warning } from "./check.ts";
import { proxyVerdict } from "./proxy_check.ts";
import {
  accessVerdict,
  certificatesVerdict,
  checksumsVerdict,
  clockVerdict,
  conditionsVerdict,
  credentialsVerdict,
  regionVerdict,
} from "./s3_verdicts.ts";

/** What to check. */
export interface S3ChecksOptions {
  /** The options of the backend. */
  readonly options: S3BackendOptions;
  /** The bucket. */
  readonly bucket: string;
  /** Whether to write and delete an object. */
  readonly writeTest: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The checks of a connection, which is opened by the first of them. Dispose of it after them. */
export interface S3Checks extends AsyncDisposable {
  /** The checks. */
  readonly checks: readonly Check[];
}

/** Probe objects begin with it. */
const PROBE = "run-outputs-doctor-probe-";

const WRITE_TEST = "--write-test finds out, with a small object that is deleted again";

/**
 * The checks of a connection.
 *
 * @param options What to check.
 * @returns The checks.
 */
export function s3Checks({ options, bucket, writeTest, now }: S3ChecksOptions): S3Checks {
  const probe = new OutputLocation(bucket, `${PROBE}${crypto.randomUUID()}`);
  const open = once(async () => {
    const { S3Diagnosis } = await import("../../storage/s3/diagnosis.ts");
    return await S3Diagnosis.open(options);
  });
  const write = once(async (signal: AbortSignal) => await (await open()).testWrites(probe, signal));

  /** The connection, for checks beside the one that reports why there is none. */
  const opened = async (): Promise<S3Diagnosis> => await known(open(), "the settings are invalid");
  const contacted = async (signal: AbortSignal): Promise<Contact> => {
    const contact = await (await opened()).contact(bucket, signal);
    if (contact.answered) return contact;
    throw new NotChecked("the server does not answer");
  };
  /** A check of what only writes show. */
  const enforced = (name: string, judge: (test: WriteTest) => Verdict): Check => ({
    name,
    run: async (signal) => {
      const s3 = await opened();
      if (writeTest) return judge(await known(write(signal), "nothing could be written"));
      if (s3.settings.endpoint === undefined) return ok("enforced, as everywhere on Amazon");
      return warning(`not known for ${s3.host(bucket)}`, WRITE_TEST);
    },
  });
  const checks: Check[] = [
    { name: "endpoint", run: async (signal) => await endpoint(await open(), bucket, signal) },
    {
      name: "proxy",
      run: async (signal) => {
        const s3 = await opened();
        return await proxyVerdict(s3.proxy(bucket), s3.settings.env, signal);
      },
    },
    { name: "certificates", run: async () => certificatesVerdict((await opened()).settings) },
    {
      name: "credentials",
      run: async () => {
        const s3 = await opened();
        return credentialsVerdict(await s3.credentials(), s3.settings, now());
      },
    },
    { name: "clock", run: async (signal) => clockVerdict((await contacted(signal)).skew) },
    {
      name: "region",
      run: async (signal) => {
        const contact = await contacted(signal);
        return regionVerdict(contact, bucket, (await opened()).settings);
      },
    },
    { name: "bucket", run: async (signal) => accessVerdict(bucket, await contacted(signal)) },
    {
      name: "ranges",
      run: async (signal) => {
        const { error } = await contacted(signal);
        if (error !== undefined) throw new NotChecked("the bucket can't be listed");
        return await ranges(await opened(), bucket, signal);
      },
    },
    ...writeTest
      ? [{ name: "write", run: async (signal: AbortSignal) => written(probe, await write(signal)) }]
      : [],
    enforced(
      "conditional-writes",
      ({ ifAbsent, ifMatch }) =>
        conditionsVerdict({ "If-None-Match": ifAbsent, "If-Match": ifMatch }),
    ),
    enforced(
      "checksums",
      ({ signedHash, checksum }) =>
        checksumsVerdict({ "the signed SHA-256": signedHash, "x-amz-checksum-sha256": checksum }),
    ),
    enforced(
      "multipart-copy",
      ({ partCopy }) =>
        partCopy === undefined
          ? ok("the server copies parts of large files")
          : { ...failed(partCopy), status: "warning" },
    ),
  ];
  return {
    checks,
    async [Symbol.asyncDispose]() {
      const s3 = await open.started?.catch(() => undefined);
      s3?.[Symbol.dispose]();
    },
  };
}

/** Calls a function the first time, and returns the same promise ever after. */
function once<T, A extends unknown[]>(
  call: (...args: A) => Promise<T>,
): ((...args: A) => Promise<T>) & { readonly started?: Promise<T> } {
  const shared: ((...args: A) => Promise<T>) & { started?: Promise<T> } = (...args) =>
    shared.started ??= call(...args);
  return shared;
}

/** The value, unless another check reports why there is none. */
async function known<T>(promise: Promise<T>, why: string): Promise<T> {
  try {
    return await promise;
  } catch (cause) {
    throw new NotChecked(why, { cause });
  }
}

async function endpoint(s3: S3Diagnosis, bucket: string, signal: AbortSignal): Promise<Verdict> {
  const { answered, error } = await s3.contact(bucket, signal);
  const host = s3.host(bucket);
  const details = { host, custom: s3.settings.endpoint !== undefined };
  if (!answered && error !== undefined) return { ...failed(error), details };
  return ok(`${host} answers`, details);
}

async function ranges(s3: S3Diagnosis, bucket: string, signal: AbortSignal): Promise<Verdict> {
  const reads = await s3.partialReads(bucket, signal);
  if (reads === undefined) return ok("not checked: the bucket has no object to read");
  const details = { ranges: reads.ranges, conditions: reads.conditions };
  if (!reads.ranges) {
    return warning(
      "the server sends whole objects instead of ranges",
      "downloads of large files fail or start again: use another server or proxy",
      details,
    );
  }
  if (!reads.conditions) {
    return warning(
      "the server ignores If-Match in reads",
      "don't replace files of a run while others download them",
      details,
    );
  }
  return ok("the server sends ranges of the requested version", details);
}

function written(probe: OutputLocation, { left, uploadLeft }: WriteTest): Verdict {
  const details = {
    probe: probe.s3Uri,
    deleted: left === undefined,
    upload_aborted: !uploadLeft,
  };
  if (left !== undefined) {
    const { message } = failed(left);
    return warning(`the probe object is left: ${message}`, `delete ${probe.s3Uri}`, details);
  }
  return uploadLeft
    ? warning(
      "an unfinished upload of the probe object is left",
      `abort the upload of ${probe.s3Uri}; the role needs s3:AbortMultipartUpload`,
      details,
    )
    : ok("a probe object was written and deleted", details);
}
