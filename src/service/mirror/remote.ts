/**
 * Mirror jobs in another thread: the service runs in a worker that may neither write nor reach the
 * sources, so it asks the thread that started it.
 *
 * @module
 */

import { type ErrorCode, RunOutputsError } from "../../errors/error.ts";
import type { Mirror, MirrorJob, MirrorRequest } from "../mirror_jobs.ts";
import { type HttpErrorOptions, HttpProblem } from "../problem.ts";

/** A call, as a message; or that a wait is over, with the number of its call. */
export interface MirrorCall {
  /** Its number. */
  readonly id: number;
  /** The method. */
  readonly method: Method | "leave";
  /** Its arguments, without a signal. */
  readonly args: readonly (MirrorRequest | string)[];
}

type Method = "submit" | "list" | "find" | "waitForChange" | "cancel";

/** The answer to a call, as a message. */
export interface MirrorReply {
  /** The number of the call. */
  readonly id: number;
  /** What the method has returned. */
  readonly value?: unknown;
  /** What it has thrown. */
  readonly error?: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly problem?: HttpErrorOptions & { readonly status: number; readonly type: string };
  };
}

/**
 * Answers calls.
 *
 * @param mirror The jobs.
 * @param send Sends an answer to the other thread.
 * @returns A function that receives the calls; it never rejects.
 */
export function answerCalls(
  mirror: Mirror,
  send: (reply: MirrorReply) => void,
): (call: MirrorCall) => Promise<void> {
  const waits = new Map<number, AbortController>();
  return async ({ id, method, args }) => {
    if (method === "leave") return waits.get(id)?.abort();
    if (method !== "waitForChange") return send(await answerCall(mirror, { id, method, args }));
    const over = new AbortController();
    waits.set(id, over);
    send(await answerCall(mirror, { id, method, args: [...args, over.signal] }));
    waits.delete(id);
  };
}

async function answerCall(
  mirror: Mirror,
  { id, method, args }: { id: number; method: Method; args: readonly unknown[] },
): Promise<MirrorReply> {
  try {
    const call = mirror[method] as (...args: unknown[]) => Promise<unknown>;
    return { id, value: await call.apply(mirror, [...args]) };
  } catch (error) {
    const code = error instanceof RunOutputsError ? error.code : "failed";
    const { message, cause } = error as Error;
    if (!(cause instanceof HttpProblem)) return { id, error: { code, message } };
    const { status, type, headers, details } = cause;
    return { id, error: { code, message, problem: { status, type, headers, details } } };
  }
}

/** The mirror jobs of another thread. */
export class RemoteMirror implements Mirror {
  /** The names of the configured sources. */
  readonly sources: readonly string[];
  readonly #send: (call: MirrorCall) => void;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #count = 0;

  /**
   * Creates the near end.
   *
   * @param sources The names of the configured sources.
   * @param send Sends a call to the other thread.
   */
  constructor(sources: readonly string[], send: (call: MirrorCall) => void) {
    this.sources = sources;
    this.#send = send;
  }

  /**
   * Receives an answer.
   *
   * @param reply The answer.
   */
  receive({ id, value, error }: MirrorReply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) return waiting?.resolve(value);
    const { code, message, problem } = error;
    const cause = problem && new HttpProblem(problem.status, problem.type, problem);
    waiting?.reject(new RunOutputsError(code, message, { cause }));
  }

  /** {@inheritDoc Mirror.submit} */
  submit(request: MirrorRequest): Promise<MirrorJob> {
    return this.#call<MirrorJob>("submit", request);
  }

  /** {@inheritDoc Mirror.list} */
  list(): Promise<readonly MirrorJob[]> {
    return this.#call<readonly MirrorJob[]>("list");
  }

  /** {@inheritDoc Mirror.find} */
  find(job: string): Promise<MirrorJob | undefined> {
    return this.#call<MirrorJob | undefined>("find", job);
  }

  /** {@inheritDoc Mirror.waitForChange} */
  async waitForChange(
    job: string,
    state: MirrorJob["state"],
    signal: AbortSignal,
  ): Promise<MirrorJob | undefined> {
    const answer = this.#call<MirrorJob | undefined>("waitForChange", job, state);
    const id = this.#count;
    const leave = () => this.#send({ id, method: "leave", args: [] });
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave);
    try {
      return await answer;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  /** {@inheritDoc Mirror.cancel} */
  cancel(job: string): Promise<MirrorJob | undefined> {
    return this.#call<MirrorJob | undefined>("cancel", job);
  }

  #call<T>(method: Method, ...args: MirrorCall["args"]): Promise<T> {
    const id = ++this.#count;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#send({ id, method, args });
    return waiting.promise as Promise<T>;
  }
}
