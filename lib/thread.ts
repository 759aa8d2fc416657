/** One thread owns a device, its buffers and its vectors: what was opened there cannot be posted to another. */

/**
 * Has `structuredClone()` and `postMessage()` of `object` fail and say why. They would make a dead copy of its data, in silence;
 * but a symbol that is a property's value cannot be cloned, and the error names it. It is no part of JSON.
 */
export function ownedByThread(object: object, path: string): void {
  const why = `${path} belongs to the thread that opened it; send numbers and bytes, or open() another card there:`;
  Object.defineProperty(object, 'thread', { value: Symbol(why), enumerable: true });
}
