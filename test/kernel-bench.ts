/** A kernel for tests: runs cells and keeps what they showed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type ExecuteReply, KernelClient, type Output, type StartOptions } from '../kernel/client.js';

export interface Ran {
  readonly reply: ExecuteReply;
  readonly outputs: readonly Output[];
  /** text/plain of the last expression. */
  readonly result: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export class Bench {
  readonly kernel: KernelClient;
  /** An empty folder, where the cells run. */
  readonly folder: string;

  static async start(options: StartOptions = {}): Promise<Bench> {
    const folder = mkdtempSync(path.join(tmpdir(), 'kernel-test-'));
    return new Bench(await KernelClient.start({ cwd: folder, ...options }), folder);
  }

  private constructor(kernel: KernelClient, folder: string) {
    this.kernel = kernel;
    this.folder = folder;
  }

  async run(code: string, options: { silent?: boolean; onOutput?: (output: Output) => void } = {}): Promise<Ran> {
    const outputs: Output[] = [];
    const onOutput = (output: Output): void => {
      outputs.push(output);
      options.onOutput?.(output);
    };
    const reply = await this.kernel.execute(code, { silent: options.silent ?? false, onOutput });
    const result = outputs.find((output) => output.type === 'result');
    const stream = (name: string): string =>
      outputs.map((output) => (output.type === 'stream' && output.name === name ? output.text : '')).join('');
    return {
      reply,
      outputs,
      result: result?.type === 'result' ? String(result.data['text/plain']) : undefined,
      stdout: stream('stdout'),
      stderr: stream('stderr'),
    };
  }

  /** The value of an expression, through JSON. */
  async value(expression: string): Promise<unknown> {
    const { stdout, reply } = await this.run(`console.log(JSON.stringify(${expression}))`);
    if (reply.status !== 'ok') throw new Error(`${expression}: ${reply.evalue}`);
    return JSON.parse(stdout);
  }

  async end(): Promise<void> {
    await this.kernel.shutdown();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Waits until `condition` holds; fails after `within` milliseconds. */
export async function until(condition: () => boolean, what: string, within = 30_000): Promise<void> {
  const deadline = Date.now() + within;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${within} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
