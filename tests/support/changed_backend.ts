/**
 * A storage of which some calls do something else.
 *
 * @module
 */

import type { StorageBackend } from "../../src/storage/backend.ts";

/**
 * Puts calls in place of a storage's own.
 *
 * @param inner The storage, which does all others.
 * @param changes The calls, and what else is to be told of it.
 * @returns The storage that is seen.
 */
export function changed(inner: StorageBackend, changes: Partial<StorageBackend>): StorageBackend {
  return {
    name: inner.name,
    writes: true,
    stat: (...args) => inner.stat(...args),
    list: (...args) => inner.list(...args),
    read: (...args) => inner.read(...args),
    write: (...args) => inner.write(...args),
    copy: (...args) => inner.copy(...args),
    delete: (...args) => inner.delete(...args),
    children: (...args) => inner.children(...args),
    deleteAll: (...args) => inner.deleteAll(...args),
    ...changes,
  };
}
