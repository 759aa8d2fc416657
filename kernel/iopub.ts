/** What everybody sees: outputs and states on the iopub socket. Streams are coalesced; the order of outputs is kept. */
import type { SendQueue } from './sockets.js';
import type { StreamName } from './threads.js';
import type { Header, Json, Wire } from './wire.js';

/** A stream waits this long for more, in milliseconds, and grows to this many characters. */
const DELAY = 20;
const SIZE = 65_536;

type Parent = Partial<Header>;

export class Iopub {
  readonly #wire: Wire;
  readonly #queue: SendQueue;
  #stream: { readonly name: StreamName; readonly parent: Parent; parts: string[]; size: number } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(wire: Wire, queue: SendQueue) {
    this.#wire = wire;
    this.#queue = queue;
  }

  publish(type: string, content: Json, parent: Parent, metadata?: Json): void {
    this.flush();
    this.#send(type, content, parent, metadata);
  }

  status(execution_state: 'busy' | 'idle' | 'starting', parent: Parent): void {
    this.publish('status', { execution_state }, parent);
  }

  /** To those who subscribed to a topic. Ref: "Welcome message" */
  welcome(topic: Buffer): void {
    const content = { subscription: topic.toString('utf8') };
    this.#queue.send(this.#wire.encode({ type: 'iopub_welcome', content, idents: [topic] }).frames);
  }

  stream(name: StreamName, text: string, parent: Parent): void {
    if (this.#stream && (this.#stream.name !== name || this.#stream.parent !== parent)) this.flush();
    this.#stream ??= { name, parent, parts: [], size: 0 };
    this.#stream.parts.push(text);
    this.#stream.size += text.length;
    if (this.#stream.size >= SIZE) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), DELAY);
  }

  /** Sends the stream that is waiting for more. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream) this.#send('stream', { name: stream.name, text: stream.parts.join('') }, stream.parent);
  }

  sent(): Promise<void> {
    return this.#queue.flushed();
  }

  #send(type: string, content: Json, parent: Parent, metadata?: Json): void {
    this.#queue.send(this.#wire.encode({ type, content, parent, metadata, idents: [type] }).frames);
  }
}
