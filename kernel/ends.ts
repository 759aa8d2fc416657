/** A front end's side of the comms that its own cells open: to targets that it knows; the others it closes, as Jupyter asks for. */
import type { Json, Message } from './wire.js';

type Send = (type: 'comm_msg' | 'comm_close', content: Json) => void;

export class End {
  readonly id: string;
  /** What the cell opened it with. */
  readonly data: Json;
  onMessage: ((data: Json) => void) | undefined;
  /** Called once, when the cell or the kernel ends it. */
  onClose: ((why: string) => void) | undefined;
  readonly #send: Send;

  constructor(id: string, data: Json, send: Send) {
    this.id = id;
    this.data = data;
    this.#send = send;
  }

  send(data: Json): void {
    this.#send('comm_msg', { comm_id: this.id, data });
  }

  close(): void {
    this.#send('comm_close', { comm_id: this.id, data: {} });
  }
}

export class Ends {
  readonly #targets = new Map<string, (end: End) => void>();
  readonly #open = new Map<string, End>();
  readonly #send: Send;

  /** @param send to the kernel, on shell */
  constructor(send: Send) {
    this.#send = (type, content) => {
      if (type === 'comm_close') this.#open.delete(String(content.comm_id));
      send(type, content);
    };
  }

  /** Calls `opened` with every comm that is opened to this target from now on. */
  target(name: string, opened: (end: End) => void): void {
    this.#targets.set(name, opened);
  }

  /** Takes a message about comms; false where it is about something else. `own`: what it came of was asked for here. */
  hear({ header, content }: Message, own: boolean): boolean {
    const id = String(content.comm_id);
    const data = (content.data ?? {}) as Json;
    const end = this.#open.get(id);
    if (header.msg_type === 'comm_open' && own) {
      const opened = this.#targets.get(String(content.target_name));
      const made = new End(id, data, this.#send);
      if (!opened) made.close();
      else {
        this.#open.set(id, made);
        opened(made);
      }
      return true;
    }
    if (!end) return false;
    if (header.msg_type === 'comm_msg') end.onMessage?.(data);
    if (header.msg_type === 'comm_close') {
      this.#open.delete(id);
      end.onClose?.('the kernel closed it');
    }
    return true;
  }

  /** The kernel is gone, and all comms with it. */
  lose(why: string): void {
    const lost = [...this.#open.values()];
    this.#open.clear();
    for (const end of lost) end.onClose?.(why);
  }
}
