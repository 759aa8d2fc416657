/** A card behind a browser, without a kernel: it answers what the browser wants, and remembers what that was. */
import assert from 'node:assert/strict';
import type { BrowseAnswer, Browsed, BrowsedRegister, Part } from '../kernel/browsed.js';
import { Browser, type Wanted } from '../repl/browser/browser.js';
import { KeyDecoder } from '../repl/keys.js';
import { lineText } from '../repl/line.js';
import type { Size } from '../repl/whole.js';

const field = (name: string, msb: number, lsb: number, access = 'rw', names: [number, string][] = []) => {
  return { name, msb, lsb, access, names };
};
export const register = (
  name: string,
  offset: number,
  access = 'rw',
  fields: BrowsedRegister['fields'] = [],
  width: 32 | 64 = 32,
): BrowsedRegister => ({ name, offset, width, access, doc: '', errors: name === 'LINK', fields });

const MODE = field('MODE', 3, 2, 'rw', [
  [0, 'OFF'],
  [2, 'FAST'],
]);
export const REGISTERS = [
  register('ID', 0x00, 'ro'),
  register('STATUS', 0x20, 'rw', [field('IRQ', 7, 7), MODE, field('DONE', 1, 1, 'w1c'), field('BUSY', 0, 0, 'ro')]),
  register('FIFO', 0x28, 'rclr'),
  register('KICK', 0x60, 'wo'),
  register('DMA_SRC', 0x80, 'rw', [], 64),
  register('LINK', 0xf0, 'rw', [{ ...field('DELAY', 11, 8), unit: '8 ns' }, field('LOST', 0, 0, 'w1c')]),
];

/** Text as it is typed, a key at a time. */
const typed = (text: string) => [...text].map((each) => ({ name: 'text', text: each }));

/** A card behind a browser: memory, a FIFO at 0x28 that counts how often it was read, a hole that faults, a read-only ID. */
export class Card {
  readonly bytes = Uint8Array.from({ length: 4096 }, (_, n) => (n < 0x100 ? 0 : n & 0xff));
  readonly asked: string[] = [];
  readonly size: Size;
  readonly hole: Part = [0x200, 0x10];
  browser: Browser | undefined;
  gone: string | undefined;

  constructor(size: Size, more: Partial<Browsed> = {}) {
    this.size = size;
    const browsed = {
      path: 'card/bar0',
      size: 4096,
      base: '0',
      writable: true,
      offset: 0,
      width: 32,
      ...more,
    } as const;
    this.browser = Browser.of({ ...browsed, registers: REGISTERS }, false);
    this.settle();
  }

  /** Answers until nothing more is wanted. */
  settle(): void {
    for (let n = 0; n < 1000; n++) {
      this.browser = this.browser?.on(this.size);
      const wanted = this.browser?.wants(this.size);
      if (!wanted) return;
      this.browser = this.browser?.heard(wanted, this.answer(wanted));
    }
    assert.fail('it never has enough');
  }

  answer(wanted: Wanted): BrowseAnswer {
    const gone = this.gone === undefined ? {} : { gone: this.gone, failure: this.gone };
    const { why, offset, width } = wanted;
    if (wanted.why === 'edit') {
      this.asked.push(`write ${offset.toString(16)} ${width} ${wanted.value.toString(16)}`);
      for (let n = 0; n < width / 8; n++) this.bytes[offset + n] = Number((wanted.value >> BigInt(8 * n)) & 0xffn);
      if (offset === 0x60) return { id: 0, act: 'write', unread: 'KICK is write-only', ...gone };
      const back = Buffer.from(this.bytes.slice(offset, offset + width / 8))
        .reverse()
        .toString('hex');
      // A bit that does not stick.
      return { id: 0, act: 'write', value: `${BigInt(`0x${back}`) & ~0x4000_0000n}`, ...gone };
    }
    const length = why === 'asked' ? width / 8 : wanted.length;
    this.asked.push(`${why} ${offset.toString(16)}+${length.toString(16)} ${width}`);
    const parts = (first: number, size: number): Part[] => {
      const [from, to] = [Math.max(first, offset), Math.min(first + size, offset + length)];
      return from < to ? [[from - offset, to - from]] : [];
    };
    return {
      id: 0,
      act: 'read',
      bytes: Buffer.from(this.bytes.subarray(offset, offset + length)).toString('base64'),
      unread: why === 'asked' ? [] : parts(0x28, 4),
      failed: parts(...this.hole),
      ...gone,
    };
  }

  /** Types what a terminal would send; everything that is wanted is answered. */
  type(bytes: string): this {
    const keys = new KeyDecoder().push(bytes);
    for (const key of keys.flatMap(({ name, text }) => (text === '' ? [{ name, text }] : typed(text)))) {
      this.browser = this.browser?.press(key, this.size);
      this.settle();
    }
    return this;
  }

  get lines(): string[] {
    return (this.browser?.lines(this.size) ?? []).map((line) => lineText(line).trimEnd());
  }

  get foot(): string {
    return this.lines.at(-1) ?? '';
  }

  /** The number under the cursor, and where: `20[00000080]`. */
  get cursor(): string {
    const found = this.lines.map((line) => /^([0-9a-f]+).*?(\[[0-9a-f.?-]+\])/.exec(line)).find((one) => one !== null);
    return found?.slice(1).join('') ?? '';
  }
}

export const SIZE = { columns: 80, rows: 12 };
export const card = (more?: Partial<Browsed>, size: Size = SIZE): Card => new Card(size, more);
