/** The kernel's compiler thread by itself, as main has it: cells are compiled, and not run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { Asker } from '../kernel/ask.js';
import type { CompileResult, CompilerData } from '../kernel/threads.js';

/** With all of Node's types this call has a signature. */
const NODES = 'process.emitWarning(';

export class Compiling {
  /** Where the cells would run: empty. */
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'compiler-test-'));
  readonly #ports = new MessageChannel();
  readonly #worker: Worker;
  readonly #asker: Asker;

  constructor() {
    const { port2 } = this.#ports;
    const workerData: CompilerData = { cwd: this.#folder, io: port2 };
    this.#worker = new Worker(new URL('../kernel/compiler.js', import.meta.url), { workerData, transferList: [port2] });
    this.#asker = new Asker(this.#worker);
    this.#worker.once('error', (error) => this.#asker.fail(error));
  }

  compile(code: string): Promise<CompileResult> {
    return this.#asker.ask('compile', { code });
  }

  /** What a cell declares holds for those after it. */
  async declare(code: string): Promise<void> {
    const result = await this.compile(code);
    if (!('ok' in result)) throw new Error(`${code}\n${JSON.stringify(result.diagnostics)}`);
    await this.#asker.ask('commit', { names: 'all', maps: {} });
  }

  /** Whether all of Node's types are loaded. Loads nothing for it. */
  async isWide(): Promise<boolean> {
    const ask = { code: NODES, cursor: NODES.length, only: 'signature' } as const;
    return (await this.#asker.ask('inspect', ask)).signature !== undefined;
  }

  /** Has them loaded. */
  async widen(): Promise<this> {
    await this.compile('process.arch');
    return this;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
    this.#ports.port1.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
