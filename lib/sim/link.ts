/**
 * The other end of a simulated card's thread: starts it, hands it one request at a time and waits for the answer. The
 * caller's event loop is not needed; a thread that is gone is an error, never a hang.
 */
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { SystemError } from '../errors.js';
import { Mailbox, OP, type Op } from './mailbox.js';
import type { Reason } from './refusal.js';

/** How long an answer may be out before the thread is looked for, and a start may take, milliseconds. */
const LOOK_MS = 100;
const START_MS = 30_000;

export class Link {
  readonly #spec: string;
  readonly #mailbox = new Mailbox();
  readonly #thread: Worker;
  #started = false;
  #crash: unknown;

  /** Starts the thread; `spec` names the card in errors. */
  constructor(spec: string) {
    this.#spec = spec;
    this.#mailbox.expect();
    this.#thread = new Worker(new URL('./thread.js', import.meta.url), {
      workerData: this.#mailbox.shared,
      // None of this process's: they are for its main script.
      execArgv: [],
      name: spec,
    });
    this.#thread.on('error', (error) => {
      this.#crash = error;
    });
    this.#thread.unref();
  }

  /** The mailbox, to write a request into. @throws SystemError where the thread is gone */
  ready(attempted: string): Mailbox {
    if (this.#mailbox.gone) throw this.#gone(attempted);
    if (!this.#started) {
      const deadline = Date.now() + START_MS;
      const patience = (): void => {
        if (Date.now() > deadline) throw this.#gone(attempted);
      };
      if (!this.#mailbox.started(LOOK_MS, patience)) throw this.#gone(attempted);
      this.#started = true;
    }
    return this.#mailbox;
  }

  /** Posts what was written. @returns why the card refused it. @throws SystemError where the thread is gone */
  request(op: Op, attempted: string): Reason | undefined {
    this.#mailbox.post(op);
    const answer = this.#mailbox.answer(LOOK_MS, () => {
      if (!existsSync(`/proc/self/task/${this.#mailbox.thread}`)) throw this.#gone(attempted);
    });
    if (answer === 'gone') throw this.#gone(attempted);
    return answer;
  }

  /** Ends the thread. Once this returns it touches nothing of this process any more. Never throws. */
  close(): void {
    // One that has not started yet has seen nothing: it finds the request when it comes, and goes.
    if (!this.#started) this.#mailbox.post(OP.close);
    else {
      try {
        this.request(OP.close, 'close');
      } catch {
        // gone already
      }
    }
  }

  /** Ends the thread as a fault would. */
  async kill(): Promise<void> {
    await this.#thread.terminate();
  }

  #gone(attempted: string): SystemError {
    return new SystemError({
      path: this.#spec,
      attempted,
      reason: 'the thread of the simulated card is gone',
      hint: `close the device and open it again: open('${this.#spec}')`,
      cause: this.#crash ?? this.#mailbox.lastWords,
    });
  }
}
