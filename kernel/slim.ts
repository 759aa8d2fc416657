/**
 * What cells see of Node before one needs more of it: the part of @types/node that the package's own declarations stand on,
 * and what a small cell calls. No name here says more than Node's types do; whatever a cell finds missing has the whole of
 * them loaded (program.ts).
 */
export const SLIM_TYPES = `
interface Event { readonly type: string; readonly target: EventTarget | null }
interface EventTarget {
  addEventListener(type: string, listener: (event: Event) => void, options?: { once?: boolean; passive?: boolean; capture?: boolean }): void;
  removeEventListener(type: string, listener: (event: Event) => void): void;
}
interface AbortSignal extends EventTarget {
  readonly aborted: boolean;
  readonly reason: any;
  onabort: null | ((this: AbortSignal, event: Event) => any);
  throwIfAborted(): void;
}
declare var AbortSignal: {
  prototype: AbortSignal;
  new (): AbortSignal;
  abort(reason?: any): AbortSignal;
  timeout(milliseconds: number): AbortSignal;
  any(signals: AbortSignal[]): AbortSignal;
};
interface AbortController { readonly signal: AbortSignal; abort(reason?: any): void }
declare var AbortController: { prototype: AbortController; new (): AbortController };

interface Console {
  assert(value: any, message?: string, ...optionalParams: any[]): void;
  clear(): void;
  count(label?: string): void;
  countReset(label?: string): void;
  debug(message?: any, ...optionalParams: any[]): void;
  dir(obj: any, options?: any): void;
  dirxml(...data: any[]): void;
  error(message?: any, ...optionalParams: any[]): void;
  group(...data: any[]): void;
  groupCollapsed(...data: any[]): void;
  groupEnd(): void;
  info(message?: any, ...optionalParams: any[]): void;
  log(message?: any, ...optionalParams: any[]): void;
  table(tabularData: any, properties?: readonly string[]): void;
  time(label?: string): void;
  timeEnd(label?: string): void;
  timeLog(label?: string, ...data: any[]): void;
  trace(message?: any, ...optionalParams: any[]): void;
  warn(message?: any, ...optionalParams: any[]): void;
}
declare var console: Console;

declare namespace NodeJS {
  interface Timer { hasRef(): boolean; ref(): this; refresh(): this; unref(): this; [Symbol.toPrimitive](): number }
  interface Timeout extends Timer { close(): this; [Symbol.dispose](): void }
  interface ProcessEnv { [name: string]: string | undefined; TZ?: string | undefined }
  interface MemoryUsage { rss: number; heapTotal: number; heapUsed: number; external: number; arrayBuffers: number }
  interface MemoryUsageFn { (): MemoryUsage; rss(): number }
  interface HRTime { (time?: [number, number]): [number, number]; bigint(): bigint }
  interface Process {
    readonly pid: number;
    readonly ppid: number;
    readonly version: string;
    argv: string[];
    env: ProcessEnv;
    cwd(): string;
    uptime(): number;
    hrtime: HRTime;
    memoryUsage: MemoryUsageFn;
  }
  interface Immediate { hasRef(): boolean; ref(): this; unref(): this; [Symbol.dispose](): void }
}
declare var process: NodeJS.Process;
declare function setTimeout<TArgs extends any[]>(callback: (...args: TArgs) => void, delay?: number, ...args: TArgs): NodeJS.Timeout;
declare function setTimeout(callback: (_: void) => void, delay?: number): NodeJS.Timeout;
declare function setInterval<TArgs extends any[]>(callback: (...args: TArgs) => void, delay?: number, ...args: TArgs): NodeJS.Timeout;
declare function setImmediate<TArgs extends any[]>(callback: (...args: TArgs) => void, ...args: TArgs): NodeJS.Immediate;
declare function clearTimeout(timeout: NodeJS.Timeout | string | number | undefined): void;
declare function clearInterval(timeout: NodeJS.Timeout | string | number | undefined): void;
declare function clearImmediate(immediate: NodeJS.Immediate | undefined): void;
declare function queueMicrotask(callback: () => void): void;
declare module 'node:perf_hooks' {
  export interface Performance { now(): number; readonly timeOrigin: number }
}
declare var performance: import('node:perf_hooks').Performance;

declare module 'util' {
  export class TextEncoder {
    readonly encoding: string;
    encode(input?: string): Uint8Array<ArrayBuffer>;
    encodeInto(src: string, dest: Uint8Array): { read: number; written: number };
  }
  export class TextDecoder {
    readonly encoding: string;
    readonly fatal: boolean;
    readonly ignoreBOM: boolean;
    constructor(encoding?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
    decode(input?: ArrayBufferView | ArrayBuffer | null, options?: { stream?: boolean }): string;
  }
}
declare var TextEncoder: typeof import('util').TextEncoder;
declare var TextDecoder: typeof import('util').TextDecoder;

declare module 'node:util' {
  export interface InspectOptions {}
  export interface InspectOptionsStylized extends InspectOptions {}
  export function inspect(object: any, options?: InspectOptions): string;
  export namespace inspect { const custom: unique symbol }
}
`;

/** Of these it has some members only: who asks what there is (complete.ts) is to have the others too. */
export const PARTIAL: ReadonlySet<string> = new Set(['Process', 'Performance']);
