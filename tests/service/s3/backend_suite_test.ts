/** The service read by the driver for S3: the conformance suite of storages. */

import { RunOutputsError } from "../../../src/errors/error.ts";
import type { OutputLocation } from "../../../src/layout/output_location.ts";
import { isReservedName } from "../../../src/layout/reserved_names.ts";
import { createService } from "../../../src/service/server/service.ts";
import { entityTag } from "../../../src/service/objects/representation.ts";
import type {
  ByteSource,
  ObjectInfo,
  StorageBackend,
  WriteOptions,
} from "../../../src/storage/backend.ts";
import { ForwardingBackend } from "../../../src/storage/forwarding.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { openServer } from "../../../src/storage/open_s3.ts";
import { tempDir } from "../../support/temp_dir.ts";
import { backendSuite, type Subject } from "../../storage/backend_suite.ts";

/** The name of the run that the suite's files are in. */
const RUN = "77-linux";

/** Reads through the service, and writes behind its back: a service is not written to. */
class ReadsThroughService extends ForwardingBackend {
  readonly #behind: StorageBackend;

  constructor(reads: StorageBackend, behind: StorageBackend) {
    super(reads);
    this.#behind = behind;
  }

  override async write(
    location: OutputLocation,
    source: ByteSource,
    options: WriteOptions = {},
  ): Promise<ObjectInfo> {
    if (location.key.split("/").some(isReservedName)) {
      throw new RunOutputsError("invalid", `The service hides '${location}'`);
    }
    const { ifMatch, ...others } = options;
    const written = await this.#behind.write(location, source, {
      ...others,
      ...ifMatch === undefined ? {} : { ifMatch: await this.#etagBehind(location, ifMatch) },
    });
    return { ...await this.stat(location), sha256: written.sha256 };
  }

  override async copy(
    from: OutputLocation,
    to: OutputLocation,
    options?: WriteOptions,
  ): Promise<ObjectInfo> {
    if (isReservedName(to.name)) throw new RunOutputsError("invalid", `The service hides '${to}'`);
    await this.#behind.copy(from, to, options);
    return await this.stat(to);
  }

  override delete(...args: Parameters<StorageBackend["delete"]>) {
    return this.#behind.delete(...args);
  }

  override deleteAll(...args: Parameters<StorageBackend["deleteAll"]>) {
    return this.#behind.deleteAll(...args);
  }

  /** The etag behind the service of the version that has this one in it. */
  async #etagBehind(location: OutputLocation, etag: string): Promise<string> {
    const info = await this.#behind.stat(location).catch(() => undefined);
    return info !== undefined && entityTag(info.etag) === `"${etag}"` ? info.etag : "another";
  }
}

async function subject(
  behind: StorageBackend,
  dir: string | undefined,
  close: () => PromiseLike<void>,
): Promise<Subject> {
  const service = createService({
    backend: behind,
    bucket: "suite",
    dir,
    tool: "run-outputs/0.0.0",
    hosts: { address: "127.0.0.1", names: [] },
  });
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request, { remoteAddr, completed }) =>
      service(request, { peer: remoteAddr.hostname, completed }),
  );
  const reads = await openServer({ url: `http://127.0.0.1:${server.addr.port}/` });
  return {
    backend: new ReadsThroughService(reads, behind),
    bucket: "suite",
    below: RUN,
    async [Symbol.asyncDispose]() {
      reads[Symbol.dispose]();
      await server.shutdown();
      await close();
    },
  };
}

backendSuite("a service of a directory", async () => {
  const dir = await tempDir();
  return await subject(
    new LocalBackend(dir.path),
    dir.path,
    () => dir[Symbol.asyncDispose](),
  );
}, { hidesOwnNames: true });

backendSuite(
  "a service of a bucket",
  () => subject(new MemoryBackend(), undefined, () => Promise.resolve()),
  { hidesOwnNames: true },
);
