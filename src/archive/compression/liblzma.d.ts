/**
 * The parts of `node-liblzma/wasm/liblzma.js` that we use: Emscripten's interface to the C
 * functions of liblzma. The declarations in the package import a file that it does not contain.
 *
 * @module
 */

/** One instance. Functions with a leading `_` are C functions, and pointers are numbers. */
export interface LzmaModule {
  /** Its memory; replaced when it grows. */
  readonly HEAPU8: Uint8Array<ArrayBuffer>;
  _malloc(size: number): number;
  _free(pointer: number): void;
  setValue(pointer: number, value: number, type: "i32"): void;
  getValue(pointer: number, type: "i32"): number;
  _lzma_easy_encoder(stream: number, preset: number, check: number): number;
  _lzma_stream_decoder(stream: number, memoryLimit: bigint, flags: number): number;
  _lzma_code(stream: number, action: number): number;
  _lzma_end(stream: number): void;
}

/** Creates an instance. */
export default function createLzma(options: {
  instantiateWasm(
    imports: WebAssembly.Imports,
    receive: (instance: WebAssembly.Instance) => void,
  ): WebAssembly.Exports;
}): Promise<LzmaModule>;
