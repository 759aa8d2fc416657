/**
 * A front end's side of a kernel: starts a kernel process of its own and speaks Jupyter's messages to it, over ipc sockets in a
 * private folder. The prompt, `vfiolab run` and the tests are such front ends.
 *
 * @example
 * const kernel = await KernelClient.start();
 * await kernel.execute("open('sim:edu')", { onOutput: (output) => console.log(output) });
 * await kernel.shutdown();
 */
import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { Dealer, Subscriber } from 'zeromq';
import type { ViewData } from '../lib/view.js';
import { STATUS_TARGET, VIEW_TARGET } from './comms.js';
import { address } from './connection.js';
import { type End, Ends } from './ends.js';
import { type Death, describeDeath, type KernelOptions, KernelProcess } from './process.js';
import { SendQueue } from './sockets.js';
import type { KernelStatus } from './status.js';
import type { Completion, CompletionMatch, IsComplete, MimeBundle, Signature } from './threads.js';
import { codePoints, type Json, type Message, utf16Units, Wire } from './wire.js';

export * from './browsed.js';
export type { End } from './ends.js';
export type { CardStatus, KernelStatus } from './status.js';
export type { Completion, CompletionMatch, IsComplete, MimeBundle, Signature } from './threads.js';

export type Output =
  | { readonly type: 'stream'; readonly name: 'stdout' | 'stderr'; readonly text: string }
  | {
      readonly type: 'result';
      readonly data: MimeBundle;
      readonly metadata: Record<string, unknown>;
      readonly count: number;
      /** What the result looks like as data, for a terminal; only where `views` was asked for. */
      readonly view?: ViewData;
    }
  | {
      readonly type: 'display' | 'update';
      readonly data: MimeBundle;
      readonly metadata: Record<string, unknown>;
      readonly displayId?: string;
      /** It outlives its cell; or this was its last picture. */
      readonly standing?: 'kept' | 'ended';
      readonly view?: ViewData;
    }
  | { readonly type: 'error'; readonly ename: string; readonly evalue: string; readonly traceback: readonly string[] }
  | { readonly type: 'clear'; readonly wait: boolean };

export interface ExecuteReply {
  readonly status: 'ok' | 'error' | 'aborted';
  readonly count: number;
  readonly ename?: string;
  readonly evalue?: string;
  readonly traceback?: readonly string[];
}

export interface ExecuteOptions {
  onOutput(output: Output): void;
  /** Nothing is shown and nothing counted. */
  readonly silent?: boolean;
  /** Whether the cell gets a number. Default true. */
  readonly storeHistory?: boolean;
}

export interface StartOptions extends KernelOptions {
  /** Outputs carry their View too. */
  readonly views?: boolean;
}

/** What a kernel says of a match; a kernel that is not ours may say less. */
interface MatchMetadata {
  readonly type?: string;
  readonly signature?: string;
  readonly documentation?: string;
  readonly reference?: string;
}

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
  readonly #process: KernelProcess;
  readonly #wire: Wire;
  readonly #shell = new Dealer({ linger: 0, reconnectInterval: RETRY });
  readonly #control = new Dealer({ linger: 0, reconnectInterval: RETRY });
  readonly #iopub = new Subscriber({ receiveHighWaterMark: 0, reconnectInterval: RETRY });
  readonly #queues: { readonly shell: SendQueue; readonly control: SendQueue };
  readonly #requests = new Map<string, Request>();
  /** Those that were answered, oldest first, for what their timers still print. */
  readonly #answered = new Map<string, Request>();
  readonly #ends = new Ends((type, content) => this.#tell(type, content));
  /** The comms that bring Views, and what the kernel tells of its cards. */
  readonly #comms = { views: randomUUID(), status: randomUUID() };
  #onStatus: ((status: KernelStatus) => void) | undefined;
  /** The View that belongs to the next output. */
  #view: ViewData | undefined;
  #closed = false;

  /** Starts a kernel process; resolves when it answers. @throws Error when it ends instead, with what it said. */
  static async start(options: StartOptions = {}): Promise<KernelClient> {
    const client = new KernelClient(await KernelProcess.start(options));
    try {
      await client.#connect();
      if (options.views) client.#openViews();
      return client;
    } catch (error) {
      client.#process.kill();
      throw error;
    }
  }

  private constructor(process: KernelProcess) {
    this.#process = process;
    this.#wire = new Wire(process.connection.key, 'client');
    this.#queues = { shell: new SendQueue(this.#shell), control: new SendQueue(this.#control) };
    this.died = process.died.then((how) => {
      this.#close(new Error(`the kernel process ended, ${describeDeath(how)}`));
      return how;
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Runs code. Resolves after its last output, also where it failed; rejects only when the kernel dies. */
  async execute(
    code: string,
    { onOutput, silent = false, storeHistory = true }: ExecuteOptions,
  ): Promise<ExecuteReply> {
    const content = {
      code,
      silent,
      store_history: storeHistory,
      user_expressions: {},
      allow_stdin: false,
      stop_on_error: true,
    };
    const onMessage = (message: Message): void => {
      const output = this.#output(message);
      if (output) onOutput(output);
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
    const { matches, cursor_start, cursor_end, metadata } = content as {
      matches?: string[];
      cursor_start?: number;
      cursor_end?: number;
      metadata?: { _jupyter_types_experimental?: readonly MatchMetadata[] };
    };
    const types = metadata?._jupyter_types_experimental ?? [];
    return {
      matches: (matches ?? []).map((text, index): CompletionMatch => {
        const { type: kind = '', signature: detail, documentation: doc, reference } = types[index] ?? {};
        return { text, kind, ...(detail && { detail }), ...(doc && { doc }), ...(reference && { reference }) };
      }),
      start: utf16Units(code, cursor_start ?? 0),
      end: utf16Units(code, cursor_end ?? 0),
    };
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

  /** Ends the kernel in order: its cards are closed, its process gone. Killed where it does not end by itself. */
  async shutdown(): Promise<void> {
    if (!this.#closed) {
      this.#request('control', 'shutdown_request', { restart: false }).catch(() => {});
      this.#process.killAfterGrace();
    }
    await this.died;
  }

  async #connect(): Promise<void> {
    const { connection } = this.#process;
    this.#iopub.subscribe('');
    this.#iopub.connect(address(connection, 'iopub'));
    this.#shell.connect(address(connection, 'shell'));
    this.#control.connect(address(connection, 'control'));
    let heard: () => void = () => {};
    const listening = new Promise<void>((resolve) => {
      heard = resolve;
    });
    void this.#read(this.#iopub, (message) => {
      heard();
      this.#onIopub(message);
    });
    void this.#read(this.#shell, (message) => this.#onReply(message));
    void this.#read(this.#control, (message) => this.#onReply(message));
    // A subscription takes effect a moment after the connection. Outputs count only once one message came through.
    let nudge: NodeJS.Timeout | undefined;
    const ask = (): void => {
      this.#request('shell', 'kernel_info_request', {}).catch(() => {});
      nudge = setTimeout(ask, NUDGE);
    };
    ask();
    const early = this.#process.died.then((how) => {
      throw new Error(`the kernel did not start, ${describeDeath(how)}`);
    });
    try {
      await Promise.race([listening, early]);
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

  /** Has COMMAND and LNKSTA of the open cards read again; what then is told `answers`. A kernel that is busy answers later. */
  refreshStatus(): void {
    this.#tell('comm_msg', { comm_id: this.#comms.status, data: { refresh: true } });
  }

  /** Calls `opened` with every comm that the cells run from here open to this target. */
  target(name: string, opened: (end: End) => void): void {
    this.#ends.target(name, opened);
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

  #onIopub(message: Message): void {
    const { header, content } = message;
    if (header.msg_type === 'comm_msg' && content.comm_id === this.#comms.status) {
      this.#onStatus?.(content.data as KernelStatus);
      return;
    }
    const id = message.parent.msg_id ?? '';
    const request = this.#requests.get(id) ?? this.#answered.get(id);
    if (this.#ends.hear(message, request !== undefined) || !request) return;
    if (message.header.msg_type === 'status') {
      request.idle = message.content.execution_state === 'idle';
      this.#settle(message, request);
    } else {
      request.onMessage(message);
    }
  }

  #settle({ parent }: Message, request: Request): void {
    const id = parent.msg_id ?? '';
    if (!request.reply || !request.idle || !this.#requests.delete(id)) return;
    this.#answered.set(id, request);
    const [oldest] = this.#answered.keys();
    if (this.#answered.size > ANSWERED_AT_MOST && oldest !== undefined) this.#answered.delete(oldest);
    request.resolve(request.reply);
  }

  #output({ header, content }: Message): Output | undefined {
    const { data, metadata, name, text } = content as {
      data: MimeBundle;
      metadata: Json;
      name: 'stdout';
      text: string;
    };
    const view = this.#view;
    this.#view = undefined;
    const withView = view === undefined ? {} : { view };
    switch (header.msg_type) {
      case 'stream':
        return { type: 'stream', name, text };
      case 'execute_result':
        return { type: 'result', data, metadata, count: Number(content.execution_count), ...withView };
      case 'display_data':
      case 'update_display_data': {
        const type = header.msg_type === 'display_data' ? 'display' : 'update';
        const { display_id, vfiolab } = (content.transient ?? {}) as {
          display_id?: string;
          vfiolab?: 'kept' | 'ended';
        };
        const live = {
          ...(display_id !== undefined && { displayId: display_id }),
          ...(vfiolab && { standing: vfiolab }),
        };
        return { type, data, metadata, ...live, ...withView };
      }
      case 'clear_output':
        return { type: 'clear', wait: content.wait === true };
      case 'error': {
        const { ename, evalue, traceback } = content as { ename: string; evalue: string; traceback: string[] };
        return { type: 'error', ename, evalue, traceback };
      }
      case 'comm_msg':
        // Not what a cell sends on a comm of its own.
        this.#view = content.comm_id === this.#comms.views ? (data as unknown as ViewData) : view;
    }
    return undefined;
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
    for (const socket of [this.#shell, this.#control, this.#iopub]) socket.close();
    this.#ends.lose(reason.message);
  }
}
