/** A kernel process of a front end of ours: a session of its own, ipc sockets in a private folder, gone when we are gone. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Connection } from './connection.js';
import { lastWords } from './log.js';

export interface KernelOptions {
  /** Where the cells run, and where their imports are looked for. Default: here. */
  readonly cwd?: string;
  /** The Node that runs it. Default: this one. */
  readonly node?: string;
  /** Beside our own environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export const MAIN = fileURLToPath(new URL('main.js', import.meta.url));
export const NODE_FLAGS: readonly string[] = [
  // Runtime.terminateExecution under promise hooks ends Node 20 and 22 without this.
  '--no-force-async-hooks-checks',
  // Node has four threads for V8's garbage collectors and compilers: where there are fewer processors these keep each other waiting.
  `--v8-pool-size=${Math.max(1, Math.min(4, availableParallelism() - 1))}`,
];
const PREFIX = 'vfiolab-';
/** A socket's path in sockaddr_un, bytes. */
const PATH_MAX = 107;
/** How long a kernel may take to end, in milliseconds. */
const GRACE = 3000;

/** How a kernel ended, and what it wrote on its stderr. */
export interface Death {
  readonly code: number | null;
  readonly signal: string | null;
  readonly words: string;
  /** How, in words, of a kernel that somebody else started. */
  readonly how?: string;
  /** Nobody knows that it ended: it does not answer. */
  readonly hangs?: true;
}

export function describeDeath({ code, signal, words, how }: Death): string {
  return `${how ?? signal ?? `exit ${code}`}${words === '' ? '' : `: ${words}`}`;
}

export class KernelProcess {
  readonly connection: Connection;
  readonly died: Promise<Death>;
  readonly pid: number;
  readonly #child: ChildProcess;

  static async start({
    cwd = process.cwd(),
    node = process.execPath,
    env = {},
  }: KernelOptions): Promise<KernelProcess> {
    sweep();
    const folder = privateFolder();
    const connection: Connection = {
      transport: 'ipc',
      ip: path.join(folder, 'k'),
      shell_port: 1,
      iopub_port: 2,
      stdin_port: 3,
      control_port: 4,
      hb_port: 5,
      signature_scheme: 'hmac-sha256',
      key: randomBytes(32).toString('hex'),
    };
    const file = path.join(folder, 'connection.json');
    writeFileSync(file, JSON.stringify(connection), { mode: 0o600 });
    const log = openSync(path.join(folder, 'log'), 'a', 0o600);
    const child = spawn(node, [...NODE_FLAGS, MAIN, file], {
      cwd,
      env: { ...process.env, ...env, VFIOLAB_PARENT: String(process.pid) },
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const died = new Promise<Death>((resolve) => {
      const end = (code: number | null, signal: string | null): void => {
        const words = lastWords(readFileSync(path.join(folder, 'log'), 'utf8'));
        rmSync(folder, { recursive: true, force: true });
        resolve({ code, signal, words });
      };
      child.once('exit', end);
      child.once('error', () => end(null, null));
    });
    if (child.pid === undefined) {
      await died;
      throw new Error(`${node} could not be started in ${cwd}`);
    }
    return new KernelProcess(child, child.pid, connection, died);
  }

  private constructor(child: ChildProcess, pid: number, connection: Connection, died: Promise<Death>) {
    this.#child = child;
    this.pid = pid;
    this.connection = connection;
    this.died = died;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Kills it unless it ends by itself soon. */
  killAfterGrace(): void {
    const timer = setTimeout(() => this.kill(), GRACE);
    void this.died.then(() => clearTimeout(timer));
  }
}

/** A folder for us alone, with our pid in its name, short enough for socket files in it. */
function privateFolder(): string {
  const inTmp = path.join(tmpdir(), `${PREFIX}${process.pid}-`);
  const room = Buffer.byteLength(inTmp) + 'XXXXXX/k-1'.length <= PATH_MAX;
  return mkdtempSync(room ? inTmp : `/tmp/${PREFIX}${process.pid}-`);
}

/** Removes the folders of front ends that are gone. */
function sweep(): void {
  for (const folder of new Set([tmpdir(), '/tmp'])) {
    for (const name of readdirSync(folder)) {
      const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
      if (pid === undefined || lives(Number(pid))) continue;
      try {
        rmSync(path.join(folder, name), { recursive: true, force: true });
      } catch {
        // Somebody else's.
      }
    }
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
