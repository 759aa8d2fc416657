/**
 * A front end's conversation with a kernel, on Jupyter's channels. What is asked on shell and control is over once its reply has come
 * there, and its `idle` on iopub; what comes of it meanwhile, and later, is heard by whoever asked.
 */
import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { Dealer, Subscriber } from 'zeromq';
import { address, type Connection } from './connection.js';
import { SendQueue } from './sockets.js';
import { type Json, type Message, Wire } from './wire.js';

/** Who hears what else is said. */
interface Listener {
  /** Takes a message of iopub that is about comms; false where it is about something else. `own`: what it came of was asked for here. */
  hearComm(message: Message, own: boolean): boolean;
  /** A message of iopub that came of what another front end asked: `id` is their request. */
  hearOthers(id: string, message: Message): void;
  /** The conversation is over. */
  lose(reason: Error): void;
}

/** One request under way: the reply comes on shell, its outputs and at last `idle` on iopub. */
interface Request {
  readonly onMessage: (message: Message) => void;
  reply: Message | undefined;
  idle: boolean;
  resolve(message: Message): void;
  reject(error: Error): void;
}

/** A cell's timers may print long after it: so many requests are remembered. */
const ANSWERED_AT_MOST = 1000;

/** How soon a connection is tried again while the kernel starts, in milliseconds; and its greeting. */
const RETRY = 5;
const NUDGE = 20;

export class Conversation {
  readonly #connection: Connection;
  readonly #wire: Wire;
  readonly #listener: Listener;
  /** A kernel asks on stdin who came by this name on shell. */
  readonly #name = randomUUID();
  readonly #shell = new Dealer({ linger: 0, reconnectInterval: RETRY, routingId: this.#name });
  readonly #stdin = new Dealer({ linger: 0, reconnectInterval: RETRY, routingId: this.#name });
  readonly control = new Dealer({ linger: 0, reconnectInterval: RETRY });
  readonly #iopub = new Subscriber({ receiveHighWaterMark: 0, reconnectInterval: RETRY });
  readonly #queues = {
    shell: new SendQueue(this.#shell),
    control: new SendQueue(this.control),
    stdin: new SendQueue(this.#stdin),
  };
  readonly #requests = new Map<string, Request>();
  /** Those that were answered, oldest first, for what their timers still print. */
  readonly #answered = new Map<string, Request>();
  /** What is being asked. */
  #question: Message | undefined;
  #closed = false;

  constructor(connection: Connection, listener: Listener) {
    this.#connection = connection;
    this.#wire = new Wire(connection.key, 'client');
    this.#listener = listener;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Connects; resolves with what the kernel says of itself once everything that it says from now on is heard. */
  async connect(): Promise<Message> {
    this.#iopub.subscribe('');
    this.#iopub.connect(address(this.#connection, 'iopub'));
    this.#shell.connect(address(this.#connection, 'shell'));
    this.control.connect(address(this.#connection, 'control'));
    this.#stdin.connect(address(this.#connection, 'stdin'));
    void this.#read(this.#iopub, (message) => this.#onIopub(message));
    void this.#read(this.#shell, (message) => this.#onReply(message));
    void this.#read(this.control, (message) => this.#onReply(message));
    void this.#read(this.#stdin, (message) => this.#onStdin(message));
    // A subscription takes effect a moment after the connection. The answer counts whose `idle` came through on iopub.
    return await new Promise((resolve) => {
      let nudge: NodeJS.Timeout | undefined;
      const ask = (): void => {
        if (this.#closed) return;
        this.request('control', 'kernel_info_request', {}).then(
          (info) => {
            clearTimeout(nudge);
            resolve(info);
          },
          () => {},
        );
        nudge = setTimeout(ask, NUDGE);
      };
      ask();
    });
  }

  /** Says something that has no reply, on shell. */
  tell(type: string, content: Json): void {
    if (!this.#closed) this.#queues.shell.send(this.#wire.encode({ type, content }).frames);
  }

  /** Everything that was told so far is on its way. */
  flushed(): Promise<void> {
    return this.#queues.shell.flushed();
  }

  /** Resolves with the reply, once `onMessage` has heard all that came before `idle`. Rejects when the conversation ends. */
  request(
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

  /** Answers the question that was asked last. */
  answer(value: string): void {
    const question = this.#question;
    this.#question = undefined;
    if (!question || this.#closed) return;
    this.#queues.stdin.send(
      this.#wire.encode({ type: 'input_reply', content: { value }, parent: question.header }).frames,
    );
  }

  close(reason: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const request of this.#requests.values()) request.reject(reason);
    this.#requests.clear();
    for (const socket of [this.#shell, this.control, this.#stdin, this.#iopub]) socket.close();
    this.#listener.lose(reason);
  }

  async #read(socket: Dealer | Subscriber, onMessage: (message: Message) => void): Promise<void> {
    try {
      for await (const frames of socket) {
        onMessage(this.#wire.decode(frames));
        // A flood of messages is received without a turn of the event loop: a front end has keys to hear in between.
        await turn();
      }
    } catch (error) {
      this.close(error as Error);
    }
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
    const id = parent.msg_id ?? '';
    const request = this.#requests.get(id) ?? this.#answered.get(id);
    if (this.#listener.hearComm(message, request !== undefined)) return;
    if (!request) {
      if (parent.session !== this.#wire.session) this.#listener.hearOthers(id, message);
    } else if (header.msg_type === 'status') {
      request.idle = content.execution_state === 'idle';
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
}
