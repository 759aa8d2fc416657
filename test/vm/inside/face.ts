/** Another process with the library in hand, told what to do line by line. What `state` holds stays from one line to the next. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const PROGRAM = `
  import { writeSync } from 'node:fs';
  import { createInterface } from 'node:readline';
  import * as lab from '${new URL('../../../lib/index.js', import.meta.url).href}';
  const Body = Object.getPrototypeOf(async () => {}).constructor;
  const state = {};
  const say = (answer) => writeSync(1, JSON.stringify(answer, (_, value) => typeof value === 'bigint' ? String(value) : value) + '\\n');
  say({ id: 0 });
  createInterface({ input: process.stdin }).on('line', async (line) => {
    const { id, code } = JSON.parse(line);
    try {
      say({ id, value: await new Body('lab', 'state', 'say', code)(lab, state, (value) => say({ id: 'said', value })) });
    } catch (error) {
      say({ id, error: error.name + ': ' + error.message });
    }
  }).on('close', () => process.exit());
`;

export class Face {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  readonly #said: ((value: unknown) => void)[] = [];
  readonly #ready: Promise<unknown>;
  readonly ended: Promise<unknown>;
  #count = 0;

  constructor() {
    this.#child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.ended = once(this.#child, 'exit');
    this.#ready = new Promise((resolve, reject) => this.#waiting.set(0, { resolve, reject }));
    this.#ready.catch(() => {});
    const { stdin, stdout } = this.#child;
    if (!stdin || !stdout) throw new Error('no pipes');
    stdin.on('error', () => {});
    createInterface({ input: stdout }).on('line', (line) => {
      const { id, value, error } = JSON.parse(line);
      if (id === 'said') return this.#said.shift()?.(value);
      const waiter = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiter?.resolve(value);
      else waiter?.reject(new Error(error));
    });
    void this.ended.then(() => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the process is gone'));
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** The body of an async function of `lab`, `state` and `say`; what it returns, as JSON. bigints come as strings. */
  async run(code: string): Promise<unknown> {
    await this.#ready;
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdin?.write(`${JSON.stringify({ id, code })}\n`);
    });
  }

  /** What a body says next. */
  said(): Promise<unknown> {
    return new Promise((resolve) => this.#said.push(resolve));
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  /** Ends it as a process ends that nobody needs any more. */
  async end(): Promise<void> {
    this.#child.stdin?.end();
    await this.ended;
  }
}
