/**
 * Waits for some time.
 *
 * @module
 */

/**
 * Waits, unless a signal aborts.
 *
 * @param ms The time in milliseconds.
 * @param signal Aborts waiting.
 * @throws The signal's reason.
 */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
