/**
 * The storage of a service for a staging directory.
 *
 * @module
 */

import type { StorageBackend } from "../../storage/backend.ts";
import { LocalBackend } from "../../storage/local/local.ts";

/**
 * Opens a staging directory for a service: one that jobs write into must not stop it.
 *
 * @param dir The staging directory.
 * @param log Receives a line for each file that is skipped.
 * @returns The storage.
 */
export function openStaging(dir: string, log: (line: string) => void): StorageBackend {
  return new LocalBackend(dir, { onNotice: log, neverWaits: true });
}
