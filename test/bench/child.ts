/** A helper process that answers a line with a line: the Python and C contenders. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Debian's own, not one that happens to be earlier on the PATH. */
export const PYTHON = '/usr/bin/python3';

/** Milliseconds. */
const GRACE = 10_000;

export class LineChild {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #name: string;

  /** `fds` are 3, 4, … in the child. */
  constructor(
    program: string,
    args: readonly string[],
    { fds = [], env }: { fds?: number[]; env?: NodeJS.ProcessEnv } = {},
  ) {
    this.#name = [program, ...args].join(' ');
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit', ...fds], ...(env ? { env } : {}) });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error(`${this.#name}: no pipe`);
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  /** Says something that is answered later. */
  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** The next line. @throws Error where it ended instead; it has said why on stderr. */
  async hear(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done) throw new Error(`${this.#name} ended`);
    return next.value;
  }

  ask(line: string): Promise<string> {
    this.say(line);
    return this.hear();
  }

  /** Its input ends, and so does it; killed where it does not. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), GRACE);
    await gone;
    clearTimeout(timer);
  }
}
