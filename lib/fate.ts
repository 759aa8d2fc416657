/** Whether a card was taken away, or answers all-ones, and when, for every thread of this process to see. */

/** What befalls a card from outside. REQ: its driver is to leave it. ERR: the bus reported an uncorrectable error (AER). */
export type Blow = 'req' | 'err';

export class Fate {
  readonly shared: SharedArrayBuffer;
  /** When it was taken away, and when it last was all-ones; in milliseconds since 1970, 0 for never. */
  readonly #at: BigInt64Array;

  /** @param shared another thread's Fate of the same card */
  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(16)) {
    this.shared = shared;
    this.#at = new BigInt64Array(shared);
  }

  /** The card is taken away; what came first holds. */
  lose(at: number): void {
    Atomics.compareExchange(this.#at, 0, 0n, BigInt(at));
  }

  /** Its config space answers all-ones: nobody is there. */
  fallSilent(at: number): void {
    Atomics.store(this.#at, 1, BigInt(at));
  }

  /** When its config space last was all-ones, in milliseconds since 1970; undefined where it never was. */
  get silentAt(): number | undefined {
    return Number(Atomics.load(this.#at, 1)) || undefined;
  }

  /** 'it was taken away at 12:03:04: …'; undefined while it is there. */
  get lost(): string | undefined {
    const at = Number(Atomics.load(this.#at, 0));
    return at === 0 ? undefined : tellBlow('req', at);
  }
}

/** The sentence that errors and messages have of it. */
export function tellBlow(blow: Blow, at: number): string {
  const time = new Date(at).toTimeString().slice(0, 8);
  return blow === 'req'
    ? `was taken away at ${time}: its driver asked for it (REQ)`
    : `reported an uncorrectable error at ${time} (ERR); dmesg says which; if its COMMAND is 0 now, the link was reset: open it again`;
}
