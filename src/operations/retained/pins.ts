/**
 * The pins of a run, read from storage.
 *
 * @module
 */

import pMap from "p-map";
import { RunOutputsError } from "../../errors/error.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { isInForce, parsePin, type Pin, pinNameOf } from "../../runs/retention/pin.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { type ParsedFile, readSmall } from "./read_small.ts";

/** A pin of a run. */
export interface RunPin extends Partial<Omit<Pin, "schema" | "name">> {
  /** Its name. */
  readonly name: string;
  /** Whether it has not ended. One that can't be read counts as in force. */
  readonly in_force: boolean;
  /** Why it can't be read. */
  readonly unreadable?: string;
}

/** What the file of a pin says at any time. */
export type StoredPin = Omit<RunPin, "in_force">;

/** The pins that were read, by the names of their files. */
export type StoredPins = ReadonlyMap<string, ParsedFile<StoredPin>>;

/** A pin can't be larger, in bytes. */
const MAX_PIN_BYTES = 64 * 1024;

/** How many pins of a run are read at once. */
const CONCURRENCY = 8;

/**
 * Reads the pins of a run.
 *
 * @param backend The storage.
 * @param root The run.
 * @param files Their files, as listed.
 * @param options What was read before, which is used for the same versions of files; a signal.
 * @returns The pins, in the order of `files`. One that was deleted meanwhile is missing.
 */
export async function readPins(
  backend: StorageBackend,
  root: RunOutputRoot,
  files: readonly ObjectInfo[],
  { known, signal }: CallOptions & { readonly known?: StoredPins },
): Promise<StoredPins> {
  const read = await pMap(files, async ({ location, etag }) => {
    const old = known?.get(location.name);
    const pin = old?.etag === etag ? old : await readPin(backend, root, location, { signal });
    return [location.name, pin] as const;
  }, { concurrency: CONCURRENCY });
  return new Map(read.flatMap(([name, pin]) => pin === undefined ? [] : [[name, pin]]));
}

/**
 * Says whether a pin is in force.
 *
 * @param pin The pin.
 * @param now The current time.
 * @returns The pin.
 */
export function pinAt({ unreadable, ...pin }: StoredPin, now: Date): RunPin {
  if (unreadable !== undefined) return { ...pin, in_force: true, unreadable };
  return { ...pin, in_force: isInForce(pin, now) };
}

async function readPin(
  backend: StorageBackend,
  root: RunOutputRoot,
  location: ObjectInfo["location"],
  { signal }: CallOptions,
): Promise<ParsedFile<StoredPin> | undefined> {
  const read = await readSmall(backend, location, MAX_PIN_BYTES, { signal });
  if (read === undefined) return undefined;
  const { text, info: { etag, size } } = read;
  return { etag, size, value: parse(text, location, root) };
}

function parse(
  text: string | undefined,
  location: ObjectInfo["location"],
  root: RunOutputRoot,
): StoredPin {
  const name = pinNameOf(location.name)!;
  try {
    if (text === undefined) throw new RunOutputsError("integrity", "it is too large");
    const { reason, by, created_at, until } = parsePin(text, location.relativeTo(root.root())!);
    return { name, reason, by, created_at, until };
  } catch (error) {
    if (!(error instanceof RunOutputsError)) throw error;
    return { name, unreadable: error.message };
  }
}
