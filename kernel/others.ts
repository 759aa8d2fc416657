/** What other front ends do in the same kernel: kept until somebody wants to know. */
import type { OtherEvent } from './shown.js';
import type { Message } from './wire.js';

/** What kernel_info_reply says beyond the protocol: how far the kernel is. */
export interface Now {
  readonly pid: number;
  /** The number of the cell that was begun last. */
  readonly count: number;
  readonly running?: { readonly id: string; readonly code: string; readonly since: string };
}

export class Others {
  /** Undefined: what nobody wants to know is dropped. */
  #kept: OtherEvent[] | undefined;
  #tell: ((event: OtherEvent) => void) | undefined;

  /** @param keeps there may be some before follow() */
  constructor(keeps: boolean) {
    this.#kept = keeps ? [] : undefined;
  }

  /** From now on `tell` hears what they do, and first what they did so far. */
  follow(tell: (event: OtherEvent) => void): void {
    this.#tell = tell;
    for (const event of this.#kept ?? []) tell(event);
    this.#kept = undefined;
  }

  /** The cell that ran when this front end came. Its end may have been heard before this was. */
  begun({ count, running }: Now): void {
    if (!running || this.#kept?.some((event) => event.id === running.id && event.type !== 'output')) return;
    const { id, code, since } = running;
    this.#kept?.unshift({ type: 'input', id, code, count, since: Date.parse(since) });
  }

  /** Takes a message that is an output of theirs, or about their cells; false where it is about something else. */
  hear(id: string, { header, content }: Message): boolean {
    if (header.msg_type === 'execute_input') {
      const { code, execution_count } = content;
      this.add({ type: 'input', id, code: String(code), count: Number(execution_count), since: Date.now() });
    } else if (header.msg_type === 'status') {
      if (content.execution_state === 'idle') this.add({ type: 'idle', id });
    } else return false;
    return true;
  }

  add(event: OtherEvent): void {
    if (this.#tell) this.#tell(event);
    else this.#kept?.push(event);
  }
}
