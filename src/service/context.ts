/**
 * What a handler of the service receives, and what it returns.
 *
 * @module
 */

import type { OutputLocation } from "../layout/output_location.ts";
import type { RunIndex } from "../operations/retained/run_index.ts";
import type { StorageBackend } from "../storage/backend.ts";
import type { Mirror } from "./mirror_jobs.ts";

/** A request that has passed the gate: its path and query are decoded, once, and checked. */
export interface ServiceRequest {
  /**
   * The request of the runtime, for its headers and its body. Its `url` is what the client sent: use
   * the members below.
   */
  readonly request: Request;
  /** `GET`, `HEAD`, `POST`, `PUT` or `DELETE`. The body of an answer to `HEAD` is dropped. */
  readonly method: string;
  /**
   * The segments of the path below the base path, decoded. None is empty, `.` or `..`, or has a `/`
   * or a control character.
   */
  readonly segments: readonly string[];
  /** Whether the path ends with `/`. */
  readonly isDirectory: boolean;
  /**
   * The parameters in the path of the route, such as `run`; of a last one, `{path*}`, the decoded
   * segments joined by `/`, which is a valid key or empty.
   */
  readonly params: Readonly<Record<string, string>>;
  /** The path as it was sent, with the base path, without the query. */
  readonly rawPath: string;
  /** The parameters after the `?`, decoded. */
  readonly query: URLSearchParams;
  /**
   * The relative URL of the service's root, with a final `/`: the beginning of every link. So links
   * are right behind a proxy that strips a prefix.
   */
  readonly base: string;
  /** The host and the port that the client sent, checked. */
  readonly authority: string;
  /** The address of the client; of a proxy in front of the service, if there is one. */
  readonly peer: string;
  /**
   * Aborts when the answer has been sent, or the client has gone while it was sent. (The runtime's own
   * signal prints a warning.)
   */
  readonly signal: AbortSignal;
}

/** What the service is about, the same for all requests. */
export interface ServiceContext {
  /** The storage with the runs. */
  readonly backend: StorageBackend;
  /** The runs. */
  readonly index: RunIndex;
  /** The bucket; any name for a staging directory. */
  readonly bucket: string;
  /** The place as messages of the service name it, without a path of this machine. */
  readonly where: string;
  /** The staging directory, an absolute path, if the storage is one. */
  readonly dir?: string;
  /** The program, such as `run-outputs/1.0.0`. */
  readonly tool: string;
  /** When the service was started. */
  readonly startedAt: Date;
  /** The base path of the service as clients see it, for cookies: `/` or `/ci/`. */
  readonly basePath: string;
  /** Whether requests need a token. */
  readonly needsToken: boolean;
  /** Whether runs may be pinned. */
  readonly allowPin: boolean;
  /** Whether runs may be mirrored. */
  readonly allowMirror: boolean;
  /** The mirror jobs, if the storage is a staging directory that runs may be mirrored to. */
  readonly mirror?: Mirror;
  /** Returns a URL that a file can be read from without the service, if clients are sent there. */
  readonly direct?: (location: OutputLocation) => Promise<string>;
  /** The current time. */
  readonly now: () => Date;
  /** Removes the paths of this machine from a message. */
  readonly hide: (text: string) => string;
  /** Writes a line to the log of the service. */
  readonly log: (line: string) => void;
  /** Writes the failure of a request, if it is not the client's, to the log of the service. */
  readonly logFailure: (request: Request, error: unknown) => void;
}

/**
 * Answers a request. An error is answered as a problem, see `problem.ts`.
 *
 * The headers of the response must be mutable, as in `new Response()`: the headers that all answers
 * have are added where they are missing.
 */
export type Handler = (request: ServiceRequest, context: ServiceContext) => Promise<Response>;
