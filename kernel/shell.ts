/**
 * `$` in cells: zx's, loaded when it is first used. What a command prints is seen in the cell at once, an interrupt of the cell ends it,
 * and where it fails the error says what the command said.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import type { $, Fail, LogEntry, ProcessOutput, ProcessPromise } from 'zx/core';
import { DISPLAY } from './display.js';

interface Zx {
  readonly $: $;
  readonly Fail: typeof Fail & { getCallerLocation(): string };
  readonly ProcessOutput: typeof ProcessOutput;
  readonly ProcessPromise: typeof ProcessPromise;
}

/** How long a command may take to end once its cell is interrupted, in milliseconds. */
const GRACE = 1000;

/** So many lines of what a command said go into its error. */
const LINES = 20;

/** What commands printed, as far as it has been shown. */
const seen = new WeakSet<Uint8Array>();

/** @param signal that of the cell that runs now */
export function defineShell(signal: () => AbortSignal): void {
  let shell: $ | undefined;
  Object.defineProperty(globalThis, '$', {
    configurable: true,
    get: () => {
      shell ??= load();
      // A command keeps the options of the moment it began.
      shell.signal = signal();
      return shell;
    },
    set: (value: unknown) =>
      Object.defineProperty(globalThis, '$', { configurable: true, writable: true, enumerable: true, value }),
  });
}

/** As an ES module it could not be loaded at once. */
function load(): $ {
  const zx = createRequire(import.meta.url)('zx/core') as Zx;
  // In a process group of its own, so that what it started ends with it.
  Object.assign(zx.$, { verbose: true, detached: true, log: show, spawn: start });
  Object.defineProperty(zx.ProcessOutput.prototype, 'name', { value: 'ProcessOutput' });
  zx.Fail.getCallerLocation = () => /In\[[^\]]+\]:\d+:\d+/.exec(new Error().stack ?? '')?.[0] ?? 'a module';
  zx.ProcessOutput.getExitMessage = (code, signal, stderr, from, details = '') => {
    const said = (stderr.trim() || details.trim()).split('\n').slice(-LINES);
    const meaning = zx.ProcessOutput.getExitCodeInfo(code);
    const end = signal ? `ended by ${signal}` : `exit code ${code}${meaning ? ` (${meaning})` : ''}`;
    return [...said, end, `    at ${from}`].filter((line) => line !== '').join('\n');
  };
  // As a cell's value: what has been seen is not shown again.
  Object.defineProperty(zx.ProcessOutput.prototype, DISPLAY, { value: rest });
  Object.defineProperty(zx.ProcessPromise.prototype, DISPLAY, {
    value: async function (this: ProcessPromise) {
      return rest.call(await this);
    },
  });
  return zx.$;
}

/** The command itself stands in the cell: only what it prints is shown. */
function show(entry: LogEntry): void {
  if (!entry.verbose || (entry.kind !== 'stdout' && entry.kind !== 'stderr')) return;
  seen.add(entry.data);
  process[entry.kind].write(entry.data);
}

function rest(this: ProcessOutput): Record<string, string> | null {
  const { store } = (this as unknown as { _dto: { store: { stdall: readonly (string | Buffer)[] } } })._dto;
  const shown = store.stdall.every((part) => typeof part !== 'string' && seen.has(part));
  return shown ? null : { 'text/plain': this.stdall.trimEnd() };
}

/** zx asks a command's whole process group to end when the signal aborts; what does not listen is killed. */
function start(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(command, args, options);
  const kill = (): void => {
    const { pid, exitCode, signalCode } = child;
    if (pid !== undefined && exitCode === null && signalCode === null)
      process.kill(options.detached ? -pid : pid, 'SIGKILL');
  };
  const abort = (): void => void setTimeout(kill, GRACE);
  options.signal?.addEventListener('abort', abort, { once: true });
  child.once('close', () => options.signal?.removeEventListener('abort', abort));
  return child;
}
