/**
 * A kernel that somebody else started, a notebook's: it is watched for its end and never ended by us. That it is gone is known at once
 * where its process ends (its socket closes) or it says so (shutdown_reply), and by its heart where it hangs or the network does.
 */
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Dealer, Request } from 'zeromq';
import { SystemError, UsageError } from '../lib/errors.js';
import { address, type Connection, readConnection } from './connection.js';
import { INFO } from './info.js';
import type { Death } from './process.js';
import type { Json } from './wire.js';

/** Milliseconds between two beats, and until a kernel that does not answer one is taken for gone. */
const BEAT = 1000;
const PATIENCE = 10_000;
/** How long after its end a kernel's last words may arrive, in milliseconds. */
const LAST_WORDS = 500;
/** How long a kernel that is to be joined may take to answer, in milliseconds. */
const ANSWERS_WITHIN = 5000;

const GONE: Death = { code: null, signal: null, words: '' };

export class JoinedKernel {
  /** The connection file. */
  readonly file: string;
  readonly connection: Connection;
  readonly died: Promise<Death>;
  /** Its kernel_info_reply tells. */
  readonly pid = 0;
  #lose: (how: Death) => void = () => {};
  #patience: NodeJS.Timeout | undefined;
  readonly #heart = new Request({ linger: 0, receiveTimeout: PATIENCE, sendTimeout: PATIENCE });

  /** The kernel of a connection file. @throws SystemError where nobody listens. */
  static async of(file: string): Promise<JoinedKernel> {
    const connection = read(file);
    if (!(await listens(connection))) throw gone(file, 'no kernel listens there (it has ended)');
    const kernel = new JoinedKernel(file, connection);
    const timer = setTimeout(() => kernel.lose(`did not answer within ${ANSWERS_WITHIN / 1000} s`), ANSWERS_WITHIN);
    kernel.#patience = timer;
    return kernel;
  }

  private constructor(file: string, connection: Connection) {
    this.file = file;
    this.connection = connection;
    this.died = new Promise((resolve) => {
      this.#lose = resolve;
    });
    void this.died.then(() => {
      clearTimeout(this.#patience);
      this.#heart.close();
    });
  }

  /** It has answered: watches it from now on. `control` is connected. */
  watch(control: Dealer): void {
    clearTimeout(this.#patience);
    // What it said last is on its way.
    control.events.on('disconnect', () => setTimeout(() => this.lose('has ended'), LAST_WORDS));
    this.#heart.connect(address(this.connection, 'hb'));
    void this.#listen();
  }

  async #listen(): Promise<void> {
    try {
      for (;;) {
        await this.#heart.send('beat');
        await this.#heart.receive();
        await delay(BEAT, undefined, { ref: false });
      }
    } catch {
      // Of a heart that was closed the end is known.
      this.#lose({ ...GONE, how: `has not answered for ${PATIENCE / 1000} s`, hangs: true });
    }
  }

  /** It is gone, or nobody is interested any more. */
  lose(how: string): void {
    this.#lose({ ...GONE, how });
  }

  kill(): void {
    this.lose('was left');
  }
}

function read(file: string): Connection {
  try {
    return readConnection(file);
  } catch (cause) {
    throw gone(file, `it is no connection file: ${(cause as Error).message}`, cause);
  }
}

function gone(file: string, reason: string, cause?: unknown): SystemError {
  const hint = 'start a notebook of vfiolab, or name its connection file (process.argv[2] in a cell)';
  return new SystemError({ path: file, attempted: 'join', reason, hint, cause });
}

/** @throws UsageError where a kernel_info_reply is another kernel's. */
export function mustBeOurs(file: string, { implementation, language_info }: Json): void {
  if (implementation === INFO.implementation) return;
  const { name = 'unknown' } = (language_info ?? {}) as { name?: string };
  const reason = `its kernel is '${String(implementation)}' (${name}), not vfiolab's`;
  throw new UsageError({ path: file, attempted: 'join', reason, hint: `use jupyter console --existing ${file}` });
}

/** Whether anybody listens at a connection's shell socket: what a kernel that ended left behind is told at once. */
export function listens(connection: Connection): Promise<boolean> {
  const { ip, shell_port, transport } = connection;
  const to = transport === 'ipc' ? { path: `${ip}-${shell_port}` } : { host: ip, port: shell_port };
  return new Promise((resolve) => {
    const socket = connect(to);
    const end = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(ANSWERS_WITHIN, end(false));
    socket.once('connect', end(true));
    socket.once('error', end(false));
  });
}
