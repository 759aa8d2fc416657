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
import { setImmediate as turn } from 'node:timers/promises';
import { Dealer, Subscriber } from 'zeromq';
import { UsageError } from '../lib/errors.js';
import type { ViewData } from '../lib/view.js';
import { BROWSE_TARGET } from './browsed.js';
import { STATUS_TARGET, VIEW_TARGET } from './comms.js';
import { address } from './connection.js';
import { type End, Ends } from './ends.js';
import { Heart } from './heart.js';
import { JoinedKernel, mustBeOurs } from './joined.js';
import { type Now, Others } from './others.js';
import { type Death, describeDeath, type KernelOptions, KernelProcess } from './process.js';
import { completionOf } from './replies.js';
import { SendQueue } from './sockets.js';
import { type OtherEvent, type Output, outputOf, type Question } from './shown.js';
import type { KernelStatus } from './status.js';
import type { Completion, IsComplete, Signature } from './threads.js';
import { codePoints, type Json, type Message, Wire } from './wire.js';

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

/** A cell's timers may print long after it: so many requests are remembered. */
const ANSWERED_AT_MOST = 1000;

/** One request under way: the reply comes on shell, its outputs and at last `idle` on iopub. */
interface Request {
  readonly onMessage: (message: Message) => void;
  reply: Message | undefined;
  idle: boolean;
  resolve(message: Message): void;
  reject(error: Error): void;
}

/** How soon a connection is tried again while the kernel starts, in milliseconds; and its greeting. */
const RETRY = 5;
const NUDGE = 20;

export class KernelClient {
  readonly died: Promise<Death>;
  /** Of a kernel that somebody else started: its connection file. */
  readonly joined: string | undefined;
  /** The kernel's process. */
  pid: number;
  /** The number of the cell that was begun last when this front end came. */
  count = 0;
  readonly #process: KernelProcess | JoinedKernel;
  readonly #wire: Wire;
  /** A kernel asks on stdin who came by this name on shell. */
  readonly #name = randomUUID();
  readonly #shell = new Dealer({ linger: 0, reconnectInterval: RETRY, routingId: this.#name });
  readonly #stdin = new Dealer({ linger: 0, reconnectInterval: RETRY, routingId: this.#name });
  readonly #control = new Dealer({ linger: 0, reconnectInterval: RETRY });
  readonly #iopub = new Subscriber({ receiveHighWaterMark: 0, reconnectInterval: RETRY });
  readonly #queues: { readonly shell: SendQueue; readonly control: SendQueue; readonly stdin: SendQueue };
  readonly #requests = new Map<string, Request>();
  /** Those that were answered, oldest first, for what their timers still print. */
  readonly #answered = new Map<string, Request>();
  readonly #ends = new Ends((type, content) => this.#tell(type, content));
  /** The comms that bring Views, and what the kernel tells of its cards. */
  readonly #comms = { views: randomUUID(), status: randomUUID() };
  #heart: Heart | undefined;
  #onStatus: ((status: KernelStatus) => void) | undefined;
  /** The View that belongs to the next output. */
  #view: ViewData | undefined;
  /** What is being asked. */
  #question: Message | undefined;
  readonly #others: Others;
  #closed = false;

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
      kernel.watch(client.#control);
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
    this.#wire = new Wire(process.connection.key, 'client');
    this.#queues = {
      shell: new SendQueue(this.#shell),
      control: new SendQueue(this.#control),
      stdin: new SendQueue(this.#stdin),
    };
    this.died = process.died.then((how) => {
      this.#close(new Error(`the kernel process ended, ${describeDeath(how)}`));
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
    const { content: reply } = await this.#request('shell', 'execute_request', content, onMessage);
    const { status, execution_count, ename, evalue, traceback } = reply as Json & ExecuteReply;
    const count = Number(execution_count);
    return status === 'error' ? ({ status, count, ename, evalue, traceback } as ExecuteReply) : { status, count };
  }

  /** Offsets are UTF-16 units, as JavaScript strings have them. */
  async complete(code: string, cursor: number): Promise<Completion> {
    const request = { code, cursor_pos: codePoints(code, cursor) };
    const { content } = await this.#request('shell', 'complete_request', request);
    return completionOf(code, content);
  }

  /** The type and documentation of what is at the cursor. */
  async inspect(code: string, cursor: number): Promise<string | undefined> {
    const request = { code, cursor_pos: codePoints(code, cursor), detail_level: 0 };
    const { content } = await this.#request('shell', 'inspect_request', request);
    const { data } = content as { data?: { 'text/plain'?: string } };
    return data?.['text/plain'];
  }

  /** The call that the cursor is in, and the parameter that is being given: a hint, for which nothing is loaded. */
  async signature(code: string, cursor: number): Promise<Signature | undefined> {
    const request = { code, cursor_pos: codePoints(code, cursor), detail_level: 0, only: 'signature' };
    const { content } = await this.#request('shell', 'inspect_request', request);
    const { metadata } = content as { metadata?: { signature?: Signature } };
    return metadata?.signature;
  }

  async isComplete(code: string): Promise<IsComplete> {
    const { content } = await this.#request('shell', 'is_complete_request', { code });
    const { status, indent } = content as { status: IsComplete['status']; indent?: string };
    return { status, indent: indent ?? '' };
  }

  /** Stops the running cell. Resolves when the kernel has heard it, or has ended anyway. */
  async interrupt(): Promise<void> {
    await this.#request('control', 'interrupt_request', {}).catch(() => {});
  }

  /** Answers the question that was asked last. */
  answer(value: string): void {
    const question = this.#question;
    this.#question = undefined;
    if (!question || this.#closed) return;
    this.#queues.stdin.send(
      this.#wire.encode({ type: 'input_reply', content: { value }, parent: question.header }).frames,
    );
  }

  /** Leaves a kernel that was joined, which goes on; ends one of our own. */
  async leave(): Promise<void> {
    if (this.joined === undefined) return this.shutdown();
    for (const comm_id of Object.values(this.#comms)) this.#tell('comm_close', { comm_id, data: {} });
    await this.#queues.shell.flushed();
    this.#process.kill();
    await this.died;
  }

  /** Ends the kernel in order: its cards are closed, its process gone. Killed where it does not end by itself. */
  async shutdown(): Promise<void> {
    if (!this.#closed) {
      this.#request('control', 'shutdown_request', { restart: false }).catch(() => {});
      if (this.#process instanceof KernelProcess) this.#process.killAfterGrace();
    }
    await this.died;
  }

  /** Connects; resolves with what the kernel says of itself once everything that it says from now on is heard. */
  async #connect(): Promise<Message> {
    const { connection } = this.#process;
    this.#iopub.subscribe('');
    this.#iopub.connect(address(connection, 'iopub'));
    this.#shell.connect(address(connection, 'shell'));
    this.#control.connect(address(connection, 'control'));
    this.#stdin.connect(address(connection, 'stdin'));
    void this.#read(this.#iopub, (message) => this.#onIopub(message));
    void this.#read(this.#shell, (message) => this.#onReply(message));
    void this.#read(this.#control, (message) => this.#onReply(message));
    void this.#read(this.#stdin, (message) => this.#onStdin(message));
    // A subscription takes effect a moment after the connection. The answer counts whose `idle` came through on iopub.
    let nudge: NodeJS.Timeout | undefined;
    const listening = new Promise<Message>((resolve) => {
      const ask = (): void => {
        this.#request('control', 'kernel_info_request', {}).then(resolve, () => {});
        nudge = setTimeout(ask, NUDGE);
      };
      ask();
    });
    const early = this.#process.died.then((how) => {
      throw new Error(`the kernel did not start, ${describeDeath(how)}`);
    });
    try {
      return await Promise.race([listening, early]);
    } finally {
      clearTimeout(nudge);
    }
  }

  #openViews(): void {
    this.#tell('comm_open', { comm_id: this.#comms.views, target_name: VIEW_TARGET, data: {} });
  }

  /** Calls `listener` with what the kernel tells of its cards and variables: now, and whenever that changes. Touches no card. */
  watchStatus(listener: (status: KernelStatus) => void): void {
    this.#onStatus = listener;
    this.#tell('comm_open', { comm_id: this.#comms.status, target_name: STATUS_TARGET, data: {} });
  }

  /** Calls `listener` when the kernel's process does not answer, with since when, and when it does again: with undefined. */
  watchHeart(listener: (silentSince: number | undefined) => void): void {
    if (!this.#closed) this.#heart ??= new Heart(address(this.#process.connection, 'hb'), listener);
  }

  /** Has COMMAND and LNKSTA of the open cards read again; what then is told `answers`. A kernel that is busy answers later. */
  refreshStatus(): void {
    this.#tell('comm_msg', { comm_id: this.#comms.status, data: { refresh: true } });
  }

  /** Calls `opened` with what the cells run from here browse, and says that there is a browser for it. */
  onBrowse(opened: (end: End) => void): void {
    this.#ends.target(BROWSE_TARGET, opened);
    this.#tell('comm_open', { comm_id: randomUUID(), target_name: BROWSE_TARGET, data: {} });
  }

  #tell(type: string, content: Json): void {
    if (!this.#closed) this.#queues.shell.send(this.#wire.encode({ type, content }).frames);
  }

  #request(
    channel: 'shell' | 'control',
    type: string,
    content: Json,
    onMessage: (message: Message) => void = () => {},
  ): Promise<Message> {
    if (this.#closed) return Promise.reject(new Error('the kernel process has ended'));
    const { header, frames } = this.#wire.encode({ type, content });
    return new Promise((resolve, reject) => {
      this.#requests.set(header.msg_id, { onMessage, reply: undefined, idle: false, resolve, reject });
      this.#queues[channel].send(frames);
    });
  }

  #onReply(message: Message): void {
    const request = this.#requests.get(message.parent.msg_id ?? '');
    if (!request) return;
    request.reply = message;
    this.#settle(message, request);
  }

  #onStdin(message: Message): void {
    this.#question = message;
    this.#requests.get(message.parent.msg_id ?? '')?.onMessage(message);
  }

  #onIopub(message: Message): void {
    const { header, content, parent } = message;
    if (header.msg_type === 'comm_msg' && content.comm_id === this.#comms.status) {
      this.#onStatus?.(content.data as KernelStatus);
      return;
    }
    const id = parent.msg_id ?? '';
    const request = this.#requests.get(id) ?? this.#answered.get(id);
    if (this.#ends.hear(message, request !== undefined)) return;
    if (!request) {
      if (parent.session !== this.#wire.session) this.#onOthers(id, message);
    } else if (header.msg_type === 'status') {
      request.idle = message.content.execution_state === 'idle';
      this.#settle(message, request);
    } else {
      request.onMessage(message);
    }
  }

  #onOthers(id: string, message: Message): void {
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

  #settle({ parent }: Message, request: Request): void {
    const id = parent.msg_id ?? '';
    if (!request.reply || !request.idle || !this.#requests.delete(id)) return;
    this.#answered.set(id, request);
    const [oldest] = this.#answered.keys();
    if (this.#answered.size > ANSWERED_AT_MOST && oldest !== undefined) this.#answered.delete(oldest);
    request.resolve(request.reply);
  }

  async #read(socket: Dealer | Subscriber, onMessage: (message: Message) => void): Promise<void> {
    try {
      for await (const frames of socket) {
        onMessage(this.#wire.decode(frames));
        // A flood of messages is received without a turn of the event loop: a front end has keys to hear in between.
        await turn();
      }
    } catch (error) {
      if (!this.#closed) this.#close(error as Error);
    }
  }

  #close(reason: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const request of this.#requests.values()) request.reject(reason);
    this.#requests.clear();
    for (const socket of [this.#shell, this.#control, this.#stdin, this.#iopub]) socket.close();
    this.#ends.lose(reason.message);
    this.#heart?.close();
  }
}
