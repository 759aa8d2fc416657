/**
 * A front end's side of a kernel: starts a kernel process of its own and speaks Jupyter's messages to it, over ipc sockets in a
 * private folder; or joins one that runs. The prompt, `vfiolab run` and the tests are such front ends.
 *
 * @example
 * const kernel = await KernelClient.start();
 * await kernel.execute("open('sim:edu')", { onOutput: (output) => console.log(output) });
 * await kernel.shutdown();
 */
import { randomUUID } from 'node:crypto';
import { UsageError } from '../lib/errors.js';
import type { ViewData } from '../lib/view.js';
import { BROWSE_TARGET } from './browsed.js';
import { STATUS_TARGET, VIEW_TARGET } from './comms.js';
import { address } from './connection.js';
import { Conversation } from './conversation.js';
import { type End, Ends } from './ends.js';
import { Heart } from './heart.js';
import { JoinedKernel, mustBeOurs } from './joined.js';
import { type Now, Others } from './others.js';
import { type Death, describeDeath, type KernelOptions, KernelProcess } from './process.js';
import { completionOf } from './replies.js';
import { type OtherEvent, type Output, outputOf, type Question } from './shown.js';
import type { KernelStatus } from './status.js';
import type { Completion, IsComplete, Signature } from './threads.js';
import { codePoints, type Json, type Message } from './wire.js';

export * from './browsed.js';
export type { End } from './ends.js';
export type { CardStatus, KernelStatus } from './status.js';
export type { Completion, CompletionMatch, IsComplete, MimeBundle, Signature } from './threads.js';

export type { OtherEvent, Output, Question } from './shown.js';

export interface ExecuteReply {
  readonly status: 'ok' | 'error' | 'aborted';
  readonly count: number;
  readonly ename?: string;
  readonly evalue?: string;
  readonly traceback?: readonly string[];
}

export interface ExecuteOptions {
  onOutput(output: Output): void;
  /** The kernel has begun it, under this number. */
  onBegin?(count: number): void;
  /** The cell asks for a line: answer() gives it. Where this is left out, such a cell fails. */
  onQuestion?(question: Question): void;
  /** Nothing is shown and nothing counted. */
  readonly silent?: boolean;
  /** Whether the cell gets a number. Default true. */
  readonly storeHistory?: boolean;
}

export interface StartOptions extends KernelOptions {
  /** Outputs carry their View too. */
  readonly views?: boolean;
  /** Aborted while the kernel starts, it is ended. */
  readonly signal?: AbortSignal;
}

export type JoinOptions = Pick<StartOptions, 'views'>;

export class KernelClient {
  readonly died: Promise<Death>;
  /** Of a kernel that somebody else started: its connection file. */
  readonly joined: string | undefined;
  /** The kernel's process. */
  pid: number;
  /** The number of the cell that was begun last when this front end came. */
  count = 0;
  readonly #process: KernelProcess | JoinedKernel;
  readonly #conversation: Conversation;
  readonly #ends = new Ends((type, content) => this.#conversation.tell(type, content));
  /** The comms that bring Views, and what the kernel tells of its cards. */
  readonly #comms = { views: randomUUID(), status: randomUUID() };
  #heart: Heart | undefined;
  #onStatus: ((status: KernelStatus) => void) | undefined;
  /** The View that belongs to the next output. */
  #view: ViewData | undefined;
  readonly #others: Others;

  /** Starts a kernel process; resolves when it answers. @throws Error when it ends instead, with what it said. */
  static async start(options: StartOptions = {}): Promise<KernelClient> {
    const client = new KernelClient(await KernelProcess.start(options));
    const giveUp = (): void => client.#process.kill();
    options.signal?.addEventListener('abort', giveUp, { once: true });
    if (options.signal?.aborted) giveUp();
    try {
      await client.#connect();
      if (options.views) client.#openViews();
      return client;
    } catch (error) {
      client.#process.kill();
      throw error;
    } finally {
      options.signal?.removeEventListener('abort', giveUp);
    }
  }

  /**
   * Becomes one more front end of a kernel that runs: the newest of those that answer. @param name its connection file; or, in Jupyter's
   * runtime folder, the file's name, a part of it or a glob
   *
   * @throws SystemError where none answers, UsageError where it is another kernel than vfiolab's.
   */
  static async join(name: string | undefined, options: JoinOptions = {}): Promise<KernelClient> {
    const { connectionFiles } = await import('./running.js');
    const failures: unknown[] = [];
    for (const file of connectionFiles(name)) {
      try {
        return await KernelClient.#join(file, options);
      } catch (error) {
        failures.push(error);
      }
    }
    throw failures.find((error) => error instanceof UsageError) ?? failures[0];
  }

  static async #join(file: string, { views = false }: JoinOptions): Promise<KernelClient> {
    const kernel = await JoinedKernel.of(file);
    const client = new KernelClient(kernel);
    try {
      const info = await client.#connect();
      mustBeOurs(file, info.content);
      const now = info.content.vfiolab as Now;
      client.pid = now.pid;
      client.count = now.count;
      client.#others.begun(now);
      if (views) client.#openViews();
      kernel.watch(client.#conversation.control);
      return client;
    } catch (error) {
      kernel.kill();
      await client.died;
      throw error;
    }
  }

  private constructor(process: KernelProcess | JoinedKernel) {
    this.#process = process;
    this.pid = process.pid;
    this.joined = process instanceof JoinedKernel ? process.file : undefined;
    this.#others = new Others(this.joined !== undefined);
    this.#conversation = new Conversation(process.connection, {
      hearComm: (message, own) => this.#hearComm(message, own),
      hearOthers: (id, message) => this.#hearOthers(id, message),
      lose: (reason) => {
        this.#ends.lose(reason.message);
        this.#heart?.close();
      },
    });
    this.died = process.died.then((how) => {
      this.#conversation.close(new Error(`the kernel process ended, ${describeDeath(how)}`));
      return how;
    });
  }

  /** From now on `onOther` hears what other front ends do here, and first what they did since this one came. */
  follow(onOther: (event: OtherEvent) => void): void {
    this.#others.follow(onOther);
  }

  /** Runs code. Resolves after its last output, also where it failed; rejects only when the kernel dies. */
  async execute(
    code: string,
    { onOutput, onBegin, onQuestion, silent = false, storeHistory = true }: ExecuteOptions,
  ): Promise<ExecuteReply> {
    const content = {
      code,
      silent,
      store_history: storeHistory,
      user_expressions: {},
      allow_stdin: onQuestion !== undefined,
      stop_on_error: true,
    };
    const onMessage = (message: Message): void => {
      const { header, content } = message;
      if (header.msg_type === 'execute_input') onBegin?.(Number(content.execution_count));
      else if (header.msg_type === 'input_request')
        onQuestion?.({ prompt: String(content.prompt ?? ''), password: content.password === true });
      else this.#hear(message, onOutput);
    };
    const { content: reply } = await this.#conversation.request('shell', 'execute_request', content, onMessage);
    const { status, execution_count, ename, evalue, traceback } = reply as Json & ExecuteReply;
    const count = Number(execution_count);
    return status === 'error' ? ({ status, count, ename, evalue, traceback } as ExecuteReply) : { status, count };
  }

  /** Offsets are UTF-16 units, as JavaScript strings have them. */
  async complete(code: string, cursor: number): Promise<Completion> {
    const request = { code, cursor_pos: codePoints(code, cursor) };
    const { content } = await this.#conversation.request('shell', 'complete_request', request);
    return completionOf(code, content);
  }

  /** The type and documentation of what is at the cursor. */
  async inspect(code: string, cursor: number): Promise<string | undefined> {
    const request = { code, cursor_pos: codePoints(code, cursor), detail_level: 0 };
    const { content } = await this.#conversation.request('shell', 'inspect_request', request);
    const { data } = content as { data?: { 'text/plain'?: string } };
    return data?.['text/plain'];
  }

  /** The call that the cursor is in, and the parameter that is being given: a hint, for which nothing is loaded. */
  async signature(code: string, cursor: number): Promise<Signature | undefined> {
    const request = { code, cursor_pos: codePoints(code, cursor), detail_level: 0, only: 'signature' };
    const { content } = await this.#conversation.request('shell', 'inspect_request', request);
    const { metadata } = content as { metadata?: { signature?: Signature } };
    return metadata?.signature;
  }

  async isComplete(code: string): Promise<IsComplete> {
    const { content } = await this.#conversation.request('shell', 'is_complete_request', { code });
    const { status, indent } = content as { status: IsComplete['status']; indent?: string };
    return { status, indent: indent ?? '' };
  }

  /** Stops the running cell. Resolves when the kernel has heard it, or has ended anyway. */
  async interrupt(): Promise<void> {
    await this.#conversation.request('control', 'interrupt_request', {}).catch(() => {});
  }

  /** Answers the question that was asked last. */
  answer(value: string): void {
    this.#conversation.answer(value);
  }

  /** Leaves a kernel that was joined, which goes on; ends one of our own. */
  async leave(): Promise<void> {
    if (this.joined === undefined) return this.shutdown();
    for (const comm_id of Object.values(this.#comms)) this.#conversation.tell('comm_close', { comm_id, data: {} });
    await this.#conversation.flushed();
    this.#process.kill();
    await this.died;
  }

  /** Ends the kernel in order: its cards are closed, its process gone. Killed where it does not end by itself. */
  async shutdown(): Promise<void> {
    if (!this.#conversation.closed) {
      this.#conversation.request('control', 'shutdown_request', { restart: false }).catch(() => {});
      if (this.#process instanceof KernelProcess) this.#process.killAfterGrace();
    }
    await this.died;
  }

  /** Connects; resolves with what the kernel says of itself. @throws Error where it ends instead. */
  async #connect(): Promise<Message> {
    const early = this.#process.died.then((how) => {
      throw new Error(`the kernel did not start, ${describeDeath(how)}`);
    });
    return await Promise.race([this.#conversation.connect(), early]);
  }

  #openViews(): void {
    this.#conversation.tell('comm_open', { comm_id: this.#comms.views, target_name: VIEW_TARGET, data: {} });
  }

  /** Calls `listener` with what the kernel tells of its cards and variables: now, and whenever that changes. Touches no card. */
  watchStatus(listener: (status: KernelStatus) => void): void {
    this.#onStatus = listener;
    this.#conversation.tell('comm_open', { comm_id: this.#comms.status, target_name: STATUS_TARGET, data: {} });
  }

  /** Calls `listener` when the kernel's process does not answer, with since when, and when it does again: with undefined. */
  watchHeart(listener: (silentSince: number | undefined) => void): void {
    if (!this.#conversation.closed) this.#heart ??= new Heart(address(this.#process.connection, 'hb'), listener);
  }

  /** Has COMMAND and LNKSTA of the open cards read again; what then is told `answers`. A kernel that is busy answers later. */
  refreshStatus(): void {
    this.#conversation.tell('comm_msg', { comm_id: this.#comms.status, data: { refresh: true } });
  }

  /** Calls `opened` with what the cells run from here browse, and says that there is a browser for it. */
  onBrowse(opened: (end: End) => void): void {
    this.#ends.target(BROWSE_TARGET, opened);
    this.#conversation.tell('comm_open', { comm_id: randomUUID(), target_name: BROWSE_TARGET, data: {} });
  }

  #hearComm(message: Message, own: boolean): boolean {
    const { header, content } = message;
    if (header.msg_type !== 'comm_msg' || content.comm_id !== this.#comms.status) return this.#ends.hear(message, own);
    this.#onStatus?.(content.data as KernelStatus);
    return true;
  }

  #hearOthers(id: string, message: Message): void {
    if (this.#others.hear(id, message)) return;
    const { header, content } = message;
    if (header.msg_type === 'shutdown_reply' && this.#process instanceof JoinedKernel) {
      this.#process.lose(`was ${content.restart === true ? 'restarted' : 'ended'} by another front end`);
    } else {
      this.#hear(message, (output) => this.#others.add({ type: 'output', id, output }));
    }
  }

  /** Takes an output, or the View of the next one. */
  #hear(message: Message, onOutput: (output: Output) => void): void {
    const { header, content } = message;
    if (header.msg_type === 'comm_msg') {
      if (content.comm_id === this.#comms.views) this.#view = content.data as ViewData;
      return;
    }
    const output = outputOf(message, this.#view);
    this.#view = undefined;
    if (output) onOutput(output);
  }
}
