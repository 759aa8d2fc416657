/** The evaluator: runs cells on the main thread, one after the other, and keeps what they leave behind. */

import vm from 'node:vm';
import { MessageChannel } from 'node:worker_threads';
import { Device } from '../lib/device.js';
import type { Asker } from './ask.js';
import { Cell } from './cell.js';
import { rich } from './display.js';
import { cellBegins, cellEnds } from './live.js';
import { type MapFacts, mapFacts } from './maps.js';
import { Modules } from './modules.js';
import type { Output } from './output.js';
import { blocking } from './pipes.js';
import { PARAMETERS } from './scope.js';
import { type CellError, type Compiled, type Rich, SHARED, type ToMain } from './threads.js';
import { KeyboardInterrupt, Traces, TypeErrors } from './trace.js';

type Execute = Extract<ToMain, { type: 'execute' }>;

/** How long an interrupted cell may take to end by itself, in milliseconds, before it is given up. */
const GRACE = 50;

/** The stop word of code that runs when no cell does. */
const NOBODY = new Int32Array(2);

export class Session {
  /** The values of the cells' top-level names. */
  readonly #exports: Record<string, unknown> = {};
  readonly #compiler: Asker;
  readonly #output: Output;
  readonly #shared: Int32Array;
  readonly #modules: Modules;
  readonly #traces = new Traces();
  /** Cells start from the callback of a port: terminated there, they leave Node's queues whole. */
  readonly #start = new MessageChannel();
  #starting: (() => void) | undefined;
  #running: Cell | undefined;
  /** Of the package and of the cells, since the last one. */
  #maps: Record<string, MapFacts> = {};
  readonly #names = new Set<string>();
  /** Told of every cell: before it runs, and before its end is told. */
  onCell: { begin(): void; end(code: string): void } | undefined;

  constructor(compiler: Asker, output: Output, shared: Int32Array, cwd: string) {
    this.#compiler = compiler;
    this.#output = output;
    this.#shared = shared;
    this.#modules = new Modules(cwd, {
      __stop: shared,
      __cell: NOBODY,
      __running: this.#stopWord,
      __interrupted: this.#interrupted,
    });
    this.#traces.install();
    this.#start.port1.on('message', () => this.#starting?.());
  }

  /** The package's public names, for every cell. Their types are the compiler's. */
  async preload(): Promise<void> {
    for (const [name, value] of Object.entries(await this.#modules.import('vfiolab'))) {
      this.#noteMap(name, value);
      Object.defineProperty(globalThis, name, { configurable: true, writable: true, value });
    }
  }

  /** Runs one request; its outputs, then `done`, go to the io thread. */
  async execute(request: Execute): Promise<void> {
    const name = request.count > 0 ? String(request.count) : `~${request.cell}`;
    const cell = new Cell(request.cell, request.silent, (place) => this.#traces.written(`In[${name}]`, place));
    blocking();
    this.#running = cell;
    this.onCell?.begin();
    cellBegins();
    let error: CellError | undefined;
    const expressions: Record<string, unknown> = {};
    try {
      const result = await this.#evaluate(cell, name, request.code);
      if (result && !cell.silent) this.#output.send({ type: 'result', cell: cell.id, ...result });
      for (const [key, code] of Object.entries(request.expressions)) {
        expressions[key] = await this.#expression(cell, `${name} ${key}`, code);
      }
    } catch (thrown) {
      error = this.#traces.describe(thrown);
    }
    cell.settle();
    this.#running = undefined;
    this.onCell?.end(request.code);
    const changed = cellEnds();
    const picture = changed && !cell.silent ? await rich(changed) : undefined;
    if (picture) this.#output.send({ type: 'display', cell: cell.id, ...picture });
    this.#output.send({ type: 'done', cell: cell.id, expressions, ...(error ? { error } : {}) });
  }

  /** An interrupt that was meant for this cell. */
  interrupt(id: number | undefined): void {
    Atomics.add(this.#shared, SHARED.HEARD, 1);
    // Main hears this, so no loop holds it; from here on only the cell itself is stopped.
    Atomics.store(this.#shared, SHARED.STOP, 0);
    const cell = this.#running;
    if (!cell || cell.id !== id) return;
    cell.abort();
    setTimeout(() => cell.giveUp(), GRACE);
  }

  /** What the cells declared, oldest first. */
  get names(): readonly string[] {
    return [...this.#names].filter((name) => Object.hasOwn(this.#exports, name));
  }

  value(name: string): unknown {
    return Object.hasOwn(this.#exports, name) ? this.#exports[name] : undefined;
  }

  /** Closes the cards that are still open. */
  close(): void {
    for (const value of Object.values(this.#exports)) closeDevice(value);
  }

  describe(thrown: unknown): CellError {
    return this.#traces.describe(thrown);
  }

  async #expression(cell: Cell, name: string, code: string): Promise<Record<string, unknown>> {
    try {
      const { data, metadata } = (await this.#evaluate(cell, name, code)) ?? { data: {}, metadata: {} };
      return { status: 'ok', data, metadata };
    } catch (thrown) {
      return { status: 'error', ...this.#traces.describe(thrown) };
    }
  }

  /**
   * Compiles and runs; the picture of the last expression's value, where it has one.
   *
   * @param name how stack lines name the code: `In[name]`
   */
  async #evaluate(cell: Cell, name: string, code: string): Promise<Rich | undefined> {
    const file = `In[${name}]`;
    const compiled = await this.#unless(cell, this.#compile(file, code));
    this.#traces.add(file, compiled.maps);
    for (const { path, maps } of compiled.files) this.#traces.add(path, maps);
    await this.#unless(cell, this.#modules.load(compiled.imports, compiled.files, compiled.aliases));
    const exports = this.#exports;
    const { names, result } = compiled;
    for (const name of names) if (Object.hasOwn(exports, name)) closeDevice(exports[name]);
    const before = new Map(names.filter((name) => Object.hasOwn(exports, name)).map((name) => [name, exports[name]]));
    for (const name of names) if (name !== result) this.#names.add(name);
    try {
      await this.#unless(cell, this.#run(cell, file, compiled));
      await this.#unless(cell, Promise.all(cell.pending));
    } catch (error) {
      // What it declared before it failed, a device not least, stays in reach.
      const declared = names.filter((name) => Object.hasOwn(exports, name));
      const reached = declared.filter((name) => !before.has(name) || before.get(name) !== exports[name]);
      await this.#compiler.ask('commit', { names: reached, maps: this.#newMaps(reached) });
      throw error;
    }
    // Whatever is asked next is asked after it.
    this.#compiler.ask('commit', { names: 'all', maps: this.#newMaps(names) }).catch(() => {});
    const value = result === undefined ? cell.value : exports[result];
    cell.value = undefined;
    if (result !== undefined) exports[result] = undefined;
    if (value === undefined) return undefined;
    return this.#unless(cell, Promise.resolve(rich(value)));
  }

  #noteMap(name: string, value: unknown): void {
    const facts = mapFacts(value);
    if (facts) this.#maps[name] = facts;
  }

  /** The register maps that the compiler has not been told of. */
  #newMaps(names: readonly string[]): Readonly<Record<string, MapFacts>> {
    for (const name of names) this.#noteMap(name, this.#exports[name]);
    const maps = this.#maps;
    this.#maps = {};
    return maps;
  }

  async #compile(file: string, code: string): Promise<Compiled> {
    const compiled = await this.#compiler.ask('compile', { code });
    if ('diagnostics' in compiled) throw new TypeErrors(compiled.diagnostics, code, file);
    return compiled.ok;
  }

  #run(cell: Cell, file: string, { code, async, imports }: Compiled): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#starting = () => {
        this.#starting = undefined;
        try {
          // Interrupted before it began; once it runs it may never hear.
          cell.signal.throwIfAborted();
          const body = vm.runInThisContext(
            `(${async ? 'async ' : ''}function __cell_body(${PARAMETERS}) {\n${code}\n})`,
            {
              filename: file,
              lineOffset: -1,
            },
          ) as (...parameters: unknown[]) => unknown;
          const value = this.#output.context.run(cell, () =>
            body(
              imports.length > 0 ? assignable(this.#exports) : this.#exports,
              this.#modules.require,
              this.#modules.import,
              this.#shared,
              cell.stop,
              this.#stopWord,
              this.#interrupted,
              (value: unknown) => {
                cell.value = value;
              },
              this.#modules.meta,
            ),
          );
          if (async) (value as Promise<unknown>).then(resolve, reject);
          else resolve(undefined);
        } catch (error) {
          reject(error);
        }
      };
      this.#start.port2.postMessage(0);
    });
  }

  readonly #stopWord = (): Int32Array => (this.#running ? this.#output.context.cell?.stop : undefined) ?? NOBODY;

  readonly #interrupted = (): KeyboardInterrupt => {
    Atomics.store(this.#shared, SHARED.STOP, 0);
    this.#running?.stopped();
    return new KeyboardInterrupt();
  };

  #unless<T>(cell: Cell, work: Promise<T>): Promise<T> {
    return Promise.race([work, cell.interrupted]);
  }
}

/** A name that a cell declares anew must not keep the card it had open. */
function closeDevice(value: unknown): void {
  if (value instanceof Device && !value.closed) value.close();
}

/** TypeScript exports an imported name as a getter; a later cell may declare the name again, so it becomes a value. */
function assignable(exports: Record<string, unknown>): Record<string, unknown> {
  return new Proxy(exports, {
    defineProperty(target, name, { get, value }) {
      if (name !== '__esModule') target[String(name)] = get ? get() : value;
      return true;
    },
  });
}
