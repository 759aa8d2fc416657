/** A cell's side of comms: `comms.open(target)`, and `comms.target(name, …)` for those that the front end opens. */
import { randomUUID } from 'node:crypto';
import type { Output } from './output.js';
import type { CommEvent } from './threads.js';

type Data = Readonly<Record<string, unknown>>;

export class Channel {
  readonly id: string;
  readonly target: string;
  /** Called with what the front end sends. */
  onMessage: ((data: Data) => void) | undefined;
  /** Called when the front end closes it. */
  onClose: ((data: Data) => void) | undefined;
  readonly #send: (event: CommEvent['event'], data: Data) => void;

  constructor(id: string, target: string, send: (event: CommEvent['event'], data: Data) => void) {
    this.id = id;
    this.target = target;
    this.#send = send;
  }

  send(data: Data): void {
    this.#send('msg', data);
  }

  close(data: Data = {}): void {
    this.#send('close', data);
  }
}

export class Channels {
  readonly #output: Output;
  readonly #open = new Map<string, Channel>();
  readonly #targets = new Map<string, (channel: Channel, data: Data) => void>();

  constructor(output: Output) {
    this.#output = output;
  }

  readonly open = (target: string, data: Data = {}): Channel => {
    const channel = this.#channel(randomUUID(), target);
    this.#send(channel, 'open', data);
    return channel;
  };

  readonly target = (name: string, opened: (channel: Channel, data: Data) => void): void => {
    this.#targets.set(name, opened);
  };

  hear({ event, id, target, data }: CommEvent): void {
    const channel = this.#open.get(id);
    if (event === 'msg') channel?.onMessage?.(data);
    if (event === 'close') {
      this.#open.delete(id);
      channel?.onClose?.(data);
    }
    if (event !== 'open') return;
    const made = this.#channel(id, target);
    const opened = this.#targets.get(target);
    if (opened) opened(made, data);
    else made.close();
  }

  #channel(id: string, target: string): Channel {
    const channel = new Channel(id, target, (event, data) => {
      if (event === 'close') this.#open.delete(id);
      this.#send(channel, event, data);
    });
    this.#open.set(id, channel);
    return channel;
  }

  /** Data travels as JSON: what cannot is refused here. @throws TypeError */
  #send({ id, target }: Channel, event: CommEvent['event'], data: Data): void {
    const plain = JSON.parse(JSON.stringify(data)) as Data;
    this.#output.send({ type: 'comm', cell: this.#output.context.cell?.id, event, id, target, data: plain });
  }
}
