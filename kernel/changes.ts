/** From one look to the next: what has changed is lit for a moment, and a number that grows has a rate. */

/** For so long a change stays lit, in milliseconds. */
const LIT = 1000;
/** A rate is that of so many milliseconds, and of so many looks at least. */
const WINDOW = 2000;
const LOOKS = 4;

export class Lights {
  readonly #seen = new Map<string, { text: string; at: number }>();

  /** Whether it says something else than at an earlier look, not long ago. What is seen for the first time is not lit. */
  lit(key: string, text: string, now: number): boolean {
    const seen = this.#seen.get(key);
    if (seen === undefined) this.#seen.set(key, { text, at: Number.NEGATIVE_INFINITY });
    else if (seen.text !== text) Object.assign(seen, { text, at: now });
    return now - (seen?.at ?? Number.NEGATIVE_INFINITY) < LIT;
  }
}

export interface Rate {
  readonly perSecond: number;
  /** It grows from look to look, and has done so for a while. */
  readonly steady: boolean;
}

export class Rates {
  readonly #looks = new Map<string, { readonly at: number; readonly value: number | bigint }[]>();

  /** How fast it grows; undefined at the first look, and at the first after it has fallen. `now` in milliseconds. */
  rate(key: string, value: number | bigint, now: number): Rate | undefined {
    let looks = this.#looks.get(key) ?? [];
    if ((looks.at(-1)?.value ?? value) > value) looks = [];
    looks.push({ at: now, value });
    while (looks.length > LOOKS && (looks[1]?.at ?? now) <= now - WINDOW) looks.shift();
    this.#looks.set(key, looks);
    const [first] = looks;
    if (first === undefined || first.at === now) return undefined;
    const grown = typeof value === 'bigint' ? Number(value - BigInt(first.value)) : value - Number(first.value);
    const rises = looks.filter((look, index) => look.value > (looks[index - 1]?.value ?? look.value)).length;
    return { perSecond: (grown / (now - first.at)) * 1000, steady: rises >= LOOKS - 1 };
  }
}

const UNITS = ['', 'k', 'M', 'G', 'T'];

/** '0/s', '9.5/s', '1.23k/s': three digits at most. */
export function rateText({ perSecond }: Rate): string {
  const unit = UNITS.findIndex((_, index) => perSecond < 999.5 * 1000 ** index || index === UNITS.length - 1);
  return `${Number((perSecond / 1000 ** unit).toPrecision(3))}${UNITS[unit]}/s`;
}
