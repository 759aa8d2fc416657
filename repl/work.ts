/**
 * The work: the kernel process behind the prompt, and the cells that run in it, each in its turn. What is entered waits in a line, where
 * it is judged (complete or not), so that typing never does.
 */
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { KernelClient, KernelStatus, OtherEvent, Output, Question } from '../kernel/client.js';
import { CellRecord, continued, firstLine, judgement, type Ran, type Running, type Waiting } from './cells.js';
import { KEPT, type Outlet } from './outlet.js';
import { told } from './question.js';
import { lostText, type Told } from './status.js';
import { SLOW_AFTER } from './trouble.js';

/** As much of a kernel as a prompt needs. */
export type Kernel = Pick<
  KernelClient,
  | 'answer'
  | 'complete'
  | 'count'
  | 'died'
  | 'execute'
  | 'follow'
  | 'interrupt'
  | 'isComplete'
  | 'joined'
  | 'leave'
  | 'refreshStatus'
  | 'shutdown'
  | 'signature'
  | 'watchHeart'
  | 'watchStatus'
>;

export type KernelState = 'starting' | 'ready' | 'dead' | 'leaving';

/** Never changed, only replaced. */
export interface WorkState {
  readonly waiting: readonly Waiting[];
  readonly running: Running | undefined;
  readonly kernel: KernelState;
  /** The number of the cell that ran last. */
  readonly count: number;
  /** What the kernel told last of its cards and variables. */
  readonly told: Told | undefined;
  /** What the running cell asks. */
  readonly question: Question | undefined;
  /** The kernel is somebody else's: it goes on when this is left. */
  readonly joined: boolean;
  /** When the kernel that is there, or starting, was started; in ms since the epoch. */
  readonly started: number;
  /** Since when the kernel's process has not answered. */
  readonly silent: number | undefined;
  /** It is being ended. */
  readonly ending: boolean;
}

export interface WorkOptions {
  /** Starts a kernel process, or joins one. Called again when the kernel has died and Enter is pressed. `signal`: it is given up. */
  readonly start: (signal: AbortSignal) => Promise<Kernel>;
  /** `start` joins a kernel. */
  readonly joins: boolean;
  /** The first cells in every new kernel. */
  readonly prelude: readonly string[];
  readonly outlet: Outlet;
  /** The state has changed. */
  readonly onChange: () => void;
  /** A cell that was entered is complete. */
  readonly onCell: (text: string) => void;
  /** The last cell that was entered is not complete: it goes on in the editor. */
  readonly onIncomplete: (text: string) => void;
}

/** How long after a broken request the news of the kernel's death may arrive. */
const DEATH_WITHIN = 500;
/** How long the cards may take to be read again, in ms; and where a cell runs, which may keep the kernel from it. */
const FRESH_WITHIN = 10_000;
const FRESH_WITHIN_BUSY = 1000;
/** A cell that goes on this long after Ctrl-C can be ended with its kernel. */
export const STUBBORN_AFTER = 3000;
/** A kernel that is left while it starts is given up so long after that. */
const LEFT_AFTER = 3000;

const NEW = {
  running: undefined,
  kernel: 'starting',
  count: 0,
  told: undefined,
  question: undefined,
  started: Date.now(),
  silent: undefined,
  ending: false,
} as const;

export class Work {
  state: WorkState;
  /** The cells that ran in this kernel, oldest first. */
  ran: Ran[] = [];
  /** Settles when it was left and the kernel is gone. */
  readonly left: Promise<void>;

  readonly #options: WorkOptions;
  readonly #outlet: Outlet;
  /** The kernel that was started last, until it has died. */
  #kernel: Promise<Kernel> | undefined;
  /** The same, once it is up. */
  #client: Kernel | undefined;
  /** Whose judgement is being waited for. */
  #judging: Kernel | undefined;
  /** Our own cell that the kernel has. */
  #own: Running | undefined;
  /** What the other front end's running cell showed. */
  #others = new CellRecord();
  #leave: () => void = () => {};
  /** Gives up the kernel that starts. */
  #giveUp: () => void = () => {};
  /** The kernel, once its first cells have run; undefined where it ends before that. */
  begun: Promise<Kernel | undefined> = Promise.resolve(undefined);
  #begin: (kernel: Kernel | undefined) => void = () => {};
  /** Called when the cards were read again. */
  readonly #fresh = new Set<() => void>();

  constructor(options: WorkOptions) {
    this.#options = options;
    this.#outlet = options.outlet;
    const { joins: joined } = options;
    this.state = { ...NEW, waiting: [], joined };
    this.left = new Promise((resolve) => {
      this.#leave = resolve;
    });
  }

  /** The kernel, where it is up. */
  get client(): Kernel | undefined {
    return this.#client;
  }

  #set(change: Partial<WorkState>): void {
    this.state = { ...this.state, ...change };
    this.#options.onChange();
  }

  /** Starts a kernel and its first cells. */
  start(): void {
    const waiting = this.#options.prelude.map((text) => ({ text, complete: true }));
    this.ran = [];
    this.begun = new Promise((resolve) => {
      this.#begin = resolve;
    });
    this.#set({ ...NEW, started: Date.now(), waiting });
    const giveUp = new AbortController();
    this.#giveUp = () => giveUp.abort();
    const kernel = this.#options.start(giveUp.signal);
    this.#kernel = kernel;
    kernel.then(
      (client) => {
        if (this.#kernel !== kernel) return;
        void client.died.then(({ code, signal, words, how = `ended (${signal ?? `exit ${code}`})`, hangs }) => {
          this.#lost(kernel, hangs ? `${how}.` : `${how}; ${lostText(this.state.told)}.`, words);
        });
        if (this.state.kernel !== 'starting') return;
        this.#client = client;
        this.#set({ kernel: 'ready', count: client.count });
        if (client.joined !== undefined) {
          const cells = `${client.count} ${client.count === 1 ? 'cell' : 'cells'}`;
          this.#outlet.note(`Joined ${basename(client.joined)} after ${cells}. Ctrl-D leaves it running.`);
        }
        client.watchStatus((status) => this.#hear(client, status));
        client.follow((event) => this.#client === client && this.#onOther(client, event));
        // One that was joined is gone where it does not answer.
        if (client.joined === undefined)
          client.watchHeart((silent) => this.#client === client && this.#set({ silent }));
        void this.#judge(client);
        void this.#run(client);
      },
      (error: unknown) => {
        const failed = this.state.joined ? 'cannot be joined' : 'did not start';
        const why = error instanceof Error ? error.message.replace(/^the kernel did not start, /, '') : error;
        this.#lost(kernel, `${failed}: ${giveUp.signal.aborted ? 'it was given up' : why}.`);
      },
    );
  }

  #lost(kernel: Promise<Kernel>, how: string, words = ''): void {
    if (this.#kernel !== kernel || this.state.kernel === 'leaving') return;
    this.#kernel = undefined;
    this.#client = undefined;
    this.#begin(undefined);
    this.#own = undefined;
    this.#set({ ...NEW, kernel: 'dead', count: this.state.count, waiting: [] });
    this.#outlet.settle(true);
    if (words !== '') this.#outlet.show({ kind: 'error', text: words });
    this.#outlet.note(`The kernel ${how}`, true);
  }

  #hear(client: Kernel, status: KernelStatus): void {
    if (this.#client !== client) return;
    this.#set({ told: { ...status, heard: Date.now() } });
    if (status.answers) for (const resolve of this.#fresh) resolve();
  }

  /** Has the cards read again. @returns false where the kernel is too busy to. @throws Error where there is none */
  async refresh(): Promise<boolean> {
    const client = this.#client;
    if (!client)
      throw new Error(this.state.kernel === 'dead' ? 'no kernel: Enter starts one' : 'the kernel is not up yet');
    let done: () => void = () => {};
    const fresh = new Promise<boolean>((resolve) => {
      done = () => resolve(true);
    });
    this.#fresh.add(done);
    client.refreshStatus();
    const patience = this.state.running ? FRESH_WITHIN_BUSY : FRESH_WITHIN;
    try {
      return await Promise.race([fresh, delay(patience, false, { ref: false }), client.died.then(() => false)]);
    } finally {
      this.#fresh.delete(done);
    }
  }

  /** Cells to run after those that wait; `complete`: known to be. */
  enter(texts: readonly string[], complete = false): void {
    this.#set({ waiting: [...this.state.waiting, ...texts.map((text) => ({ text, complete }))] });
    if (!this.#client) return;
    void this.#judge(this.#client);
    void this.#run(this.#client);
  }

  /** Judges the waiting cells, oldest first: an incomplete one goes on in the next one, the last one in the editor again. */
  async #judge(kernel: Kernel): Promise<void> {
    if (this.#judging === kernel) return;
    this.#judging = kernel;
    for (;;) {
      const cell = this.state.waiting.find(({ complete }) => !complete);
      if (!cell) break;
      const { status, indent } = await judgement(kernel, cell.text);
      if (this.#client !== kernel) return;
      const index = this.state.waiting.indexOf(cell);
      if (index < 0) continue;
      const { waiting } = this.state;
      if (status !== 'incomplete') {
        this.#options.onCell(cell.text);
        this.#set({ waiting: waiting.with(index, { ...cell, complete: true }) });
        void this.#run(kernel);
        continue;
      }
      if (index === waiting.length - 1) this.#options.onIncomplete(`${cell.text}\n${indent}`);
      this.#set({ waiting: continued(waiting, index) });
    }
    this.#judging = undefined;
  }

  /** Runs the waiting cells, one after the other, as long as they are known to be complete and end well. */
  async #run(kernel: Kernel): Promise<void> {
    for (;;) {
      const [cell, ...waiting] = this.state.waiting;
      if (!cell || this.state.count >= this.#options.prelude.length) this.#begin(kernel);
      if (!cell?.complete || this.state.running || this.#client !== kernel) return;
      const running: Running = { text: cell.text, since: Date.now(), interrupted: undefined };
      this.#own = running;
      this.#set({ waiting, running });
      let begun = false;
      const onBegin = (number: number): void => {
        begun = true;
        this.#outlet.show({ kind: 'input', number, text: cell.text });
        this.#set({ count: number - 1, running: this.#own });
      };
      const record = new CellRecord();
      let failed = false;
      let over = false;
      const fail = (): void => {
        // Stopped by Ctrl-C: that has dropped what waited then; what was typed since is meant.
        if (!failed && !over && this.state.running?.interrupted === undefined) this.drop();
        failed = true;
      };
      const onOutput = (output: Output): void => {
        this.#outlet.hear(output);
        record.add(output);
        if (output.type === 'error') fail();
      };
      const onQuestion = (question: Question): void => this.#set({ question });
      let { count } = this.state;
      try {
        const reply = await kernel.execute(cell.text, { onOutput, onBegin, onQuestion });
        ({ count } = reply);
        if (reply.status !== 'ok') fail();
        // The other front end's cell before it has failed.
        if (!begun) this.#outlet.note(`Not run: ${firstLine(cell.text)}`);
      } catch (error) {
        // Of a kernel that died the death is told, not what it broke.
        await Promise.race([kernel.died, delay(DEATH_WITHIN)]);
        if (this.#client !== kernel) return;
        this.#outlet.note(error instanceof Error ? error.message : String(error), true);
        fail();
      }
      over = true;
      this.#own = undefined;
      if (this.#client !== kernel) return;
      this.#set({ question: undefined });
      this.#outlet.settle();
      if (begun) this.ran.push({ number: count, text: cell.text, outputs: record.outputs, ok: !failed });
      // Another front end's cell may have begun by now.
      const state: WorkState = this.state;
      if (state.running?.other === undefined) this.#set({ running: undefined, count });
    }
  }

  /** Answers what the running cell asks. */
  answer(text: string): void {
    const { question } = this.state;
    if (!question) return;
    this.#outlet.show({ kind: 'text', text: told(question, text), asked: true });
    this.#set({ question: undefined });
    this.#client?.answer(text);
  }

  /** What another front end's cells do: one of them runs before ours, however long ours has been waiting. */
  #onOther(kernel: Kernel, event: OtherEvent): void {
    const { running } = this.state;
    if (event.type === 'output') {
      this.#outlet.hear(event.output);
      if (running?.other === event.id) this.#others.add(event.output);
    } else if (event.type === 'input') {
      const { id, code, count, since } = event;
      this.#others = new CellRecord();
      this.#outlet.show({ kind: 'input', number: count, text: code, other: true });
      this.#set({ count: count - 1, running: { text: code, since, interrupted: undefined, other: id } });
    } else if (running?.other === event.id) {
      const number = this.state.count + 1;
      const { outputs, ok } = this.#others;
      this.#outlet.settle();
      this.ran.push({ number, text: running.text, outputs, ok });
      this.#set({ count: number, running: this.#own });
      void this.#run(kernel);
    }
  }

  /** After a cell that failed the ones behind it are not run: they were typed for another state of the card. */
  drop(): void {
    const { waiting } = this.state;
    if (waiting.length === 0) return;
    this.#set({ waiting: [] });
    this.#outlet.note(`Not run: ${waiting.map(({ text }) => firstLine(text)).join('; ')}`);
  }

  /** Ctrl-C has something to stop. */
  get stoppable(): boolean {
    const { kernel, running, silent, started } = this.state;
    if (kernel === 'starting') return Date.now() - started > SLOW_AFTER;
    return running !== undefined || silent !== undefined;
  }

  /**
   * Stops the cell that runs; one that does not stop, asked again after a while, is ended with its kernel. So is a kernel that does not
   * answer, or takes long to start.
   */
  interrupt(): void {
    const { kernel, running, silent } = this.state;
    const now = Date.now();
    const stubborn = running?.interrupted !== undefined && now - running.interrupted > STUBBORN_AFTER;
    if ((stubborn && !this.state.joined) || silent !== undefined) {
      this.#set({ ending: true });
      void this.#client?.shutdown().catch(() => undefined);
      return;
    }
    if (kernel === 'starting') this.#giveUp();
    if (!running) return;
    this.#outlet.trim(KEPT);
    this.drop();
    const stopped = { ...running, interrupted: running.interrupted ?? now };
    if (running === this.#own) this.#own = stopped;
    this.#set({ running: stopped });
    this.#client?.interrupt().catch(() => undefined);
  }

  /** Ends the kernel, which closes its card; one that was joined goes on. */
  leave(): void {
    if (this.state.kernel === 'leaving') return;
    if (this.state.joined && this.#client) this.#outlet.note('The kernel goes on, with its variables and its card.');
    this.#client = undefined;
    this.#begin(undefined);
    if (this.state.kernel === 'starting') void delay(LEFT_AFTER).then(this.#giveUp);
    this.#set({ kernel: 'leaving', waiting: [] });
    void this.#kernel
      ?.then((kernel) => kernel.leave())
      .catch(() => undefined)
      .then(this.#leave);
    if (!this.#kernel) this.#leave();
  }
}
