/** Where output goes: from a cell's writes to the io thread, at once, so that it is seen while the cell runs on. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { StringDecoder } from 'node:string_decoder';
import type { MessagePort } from 'node:worker_threads';
import type { Cell } from './cell.js';
import { logTo } from './log.js';
import { type PipeEnds, settle, takeOver } from './pipes.js';
import { SHARED, type StreamName, type ToIo, weight } from './threads.js';

/** About 2,000 short messages: what io takes in a few milliseconds. */
const UNTAKEN_MAX = 1_000_000;

const NEVER = new AbortController().signal;

/**
 * Which cell the code that runs now belongs to. Exact from Node 24 on. Below, AsyncLocalStorage works by promise hooks, and
 * Node aborts when a cell is terminated under them: there it is known of timers and immediates, and for the rest the cell that started last
 * stands.
 */
export class Context {
  readonly #storage = Number(process.versions.node.split('.')[0]) >= 24 ? new AsyncLocalStorage<Cell>() : undefined;
  #last: Cell | undefined;
  /** Whose callback runs, where there is no storage to tell. */
  #within: Cell | undefined;
  /** Whose callback threw what nobody caught. */
  readonly #threw = new WeakMap<object, Cell>();
  /** The last one that shows its output: what its timers print must not go the way of a silent cell's. */
  #shown: Cell | undefined;

  get cell(): Cell | undefined {
    const last = this.#last?.silent && this.#last.settled ? this.#shown : this.#last;
    return this.#storage?.getStore() ?? this.#within ?? last;
  }

  /** Where it is not known which cell the code belongs to, only a cell that runs can stop it. */
  get signal(): AbortSignal {
    const cell = this.#storage?.getStore() ?? (this.#last?.settled ? undefined : this.#last);
    return cell?.signal ?? NEVER;
  }

  /** What a cell has left to be called later. */
  within(cell: Cell | undefined, body: () => void): void {
    if (!this.#storage) this.#within = cell;
    try {
      if (this.#storage && cell) this.#storage.run(cell, body);
      else body();
    } catch (error) {
      if (cell && typeof error === 'object' && error !== null) this.#threw.set(error, cell);
      throw error;
    } finally {
      this.#within = undefined;
    }
  }

  /** The cell whose timer or immediate threw this; the one that runs, where that is not known. */
  thrower(thrown: unknown): Cell | undefined {
    return (typeof thrown === 'object' && thrown !== null ? this.#threw.get(thrown) : undefined) ?? this.cell;
  }

  run<T>(cell: Cell, body: () => T): T {
    this.#last = cell;
    // A callback that was terminated has not said that it ended.
    this.#within = undefined;
    if (!cell.silent) this.#shown = cell;
    return this.#storage ? this.#storage.run(cell, body) : body();
  }
}

export class Output {
  readonly context = new Context();
  readonly #port: Pick<MessagePort, 'postMessage'>;
  readonly #shared: Int32Array;
  #pipes: PipeEnds | undefined;

  constructor(port: Pick<MessagePort, 'postMessage'>, shared: Int32Array) {
    this.#port = port;
    this.#shared = shared;
  }

  /** What was written to fds 1 and 2 before it is shown before it. */
  send(message: ToIo): void {
    if (this.#pipes) settle(this.#pipes, this.#shared);
    this.#port.postMessage(message);
    Atomics.add(this.#shared, SHARED.SENT, 1);
  }

  text(name: StreamName, text: string, cell: Cell | undefined = this.context.cell): void {
    if (!cell || cell.silent || text === '') return;
    Atomics.add(this.#shared, SHARED.UNTAKEN, weight(text));
    this.send({ type: 'stream', cell: cell.id, name, text });
    this.#waitForIo();
  }

  /** Whether the running cell is to stop, asked by work that does not come to an end soon. Whoever asks stops. */
  stopped(): boolean {
    return Atomics.exchange(this.#shared, SHARED.STOP, 0) !== 0;
  }

  /** A loop that prints without end must not fill the memory, nor keep io from hearing an interrupt. */
  #waitForIo(): void {
    const shared = this.#shared;
    while (Atomics.load(shared, SHARED.STOP) === 0) {
      const untaken = Atomics.load(shared, SHARED.UNTAKEN);
      if (untaken < UNTAKEN_MAX) return;
      Atomics.wait(shared, SHARED.UNTAKEN, untaken, 20);
    }
  }

  /** process.stdout and process.stderr, and with them console, write here; fds 1 and 2 lead to io. */
  capture(): void {
    for (const name of ['stdout', 'stderr'] as const) {
      const decoder = new StringDecoder('utf8');
      const write = (chunk: string | Uint8Array, encoding?: unknown, callback?: unknown): boolean => {
        this.text(name, typeof chunk === 'string' ? chunk : decoder.write(Buffer.from(chunk)));
        const written = typeof encoding === 'function' ? encoding : callback;
        if (typeof written === 'function') process.nextTick(written as () => void);
        return true;
      };
      process[name].write = write as typeof process.stdout.write;
    }
    // Node's own streams have seen what the fds were, and do not come to know the pipes.
    const { ends, log } = takeOver();
    logTo(log);
    this.send({ type: 'pipes', ...ends, log });
    this.#pipes = ends;
  }
}
