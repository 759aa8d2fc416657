/** Dumps of a mapped BAR, 32 bits at a time, beside the same loop in C; and what showing one costs. */
import { hexy } from 'hexy';
import { PageMemory } from '../../lib/backends/memory.js';
import { hexdump } from '../../lib/hexdump.js';
import { libc, mmio } from '../../lib/native.js';
import { toHtml } from '../../lib/html.js';
import { toText } from '../../lib/print.js';
import { memoryCard } from './card.js';
import { bindFloor, floorFile } from './floor.js';
import { type Contender, type Figure, interleave, looped } from './measure.js';
import type { Section } from './section.js';

const KiB = 1024;
const SIZES = [
  { text: '4 KiB', bytes: 4 * KiB, times: 2000 },
  { text: '1 MiB', bytes: KiB * KiB, times: 10 },
];

const CALLS = '4 KiB: native calls in bar.readBlock';
const HEXY = '4 KiB: hexy alone';
const FEW = 5;

export const blocks: Section = {
  name: 'blocks',
  title: 'a dump of a mapped BAR',
  rounds: 30,
  aims: [{ figure: CALLS, atMost: 1 }],

  async measure(rounds, have) {
    if (!have('cc')) return [];
    const floor = bindFloor(floorFile());
    const memory = new PageMemory(KiB * KiB);
    crypto.getRandomValues(memory.bytes.subarray(0, 4 * KiB));
    const at = Number(memory.pointer);
    const card = memoryCard();
    const { bar } = card;

    const contenders: Contender[] = [];
    for (const { text, bytes, times } of SIZES) {
      const into = new Uint8Array(bytes);
      contenders.push(
        looped(`${text}: C loop`, 'us', undefined, times, (n) => {
          for (let i = 0; i < n; i++) floor.block32(at, into, bytes / 4);
        }),
        looped(`${text}: bar.readBlock`, 'us', `${text}: C loop`, times, (n) => {
          for (let i = 0; i < n; i++) bar.readBlock(0, bytes);
        }),
      );
    }
    const page = memory.bytes.slice(0, 4 * KiB);
    const buffer = Buffer.from(page);
    const view = hexdump(page);
    contenders.push(
      looped(HEXY, 'us', undefined, FEW, (n) => {
        for (let i = 0; i < n; i++) hexy(buffer);
      }),
      looped('4 KiB: hexdump()', 'us', HEXY, FEW, (n) => {
        for (let i = 0; i < n; i++) hexdump(page);
      }),
      looped('4 KiB: the View as text', 'us', HEXY, FEW, (n) => {
        for (let i = 0; i < n; i++) toText(view);
      }),
      looped('4 KiB: the View as HTML', 'us', HEXY, FEW, (n) => {
        for (let i = 0; i < n; i++) toHtml(view);
      }),
    );
    try {
      const figures = await interleave(rounds, contenders);
      const counted: Figure = { name: CALLS, unit: 'calls', rounds: [nativeCalls()] };
      return [...figures.slice(0, 2), counted, ...figures.slice(2)];
    } finally {
      card.close();
      memory.release();
    }
  },
};

/** How often a dump of 4 KiB goes down into C: counted at every function of lib/native.ts's two faces, before a card is opened. */
function nativeCalls(): number {
  let calls = 0;
  const restore = [libc(), mmio()].flatMap((face) =>
    Object.entries(face ?? {}).map(([name, call]) => {
      const counting = (...args: unknown[]) => {
        calls++;
        return (call as (...args: unknown[]) => unknown)(...args);
      };
      Object.assign(face ?? {}, { [name]: counting });
      return () => Object.assign(face ?? {}, { [name]: call });
    }),
  );
  const card = memoryCard();
  try {
    calls = 0;
    card.bar.readBlock(0, 4 * KiB);
    return calls;
  } finally {
    card.close();
    for (const undo of restore) undo();
  }
}
