/** Register access through the public API, beside a bare call through koffi, a loop in C, and Python's ways. */
import { PageMemory } from '../../lib/backends/memory.js';
import { EDU, open } from '../../lib/index.js';
import { memoryCard } from './card.js';
import { LineChild, PYTHON } from './child.js';
import { bindFloor, floorFile, source } from './floor.js';
import { interleave, looped } from './measure.js';
import type { Section } from './section.js';

const OFFSET = 0x20;
/** Operations in one sample: a few milliseconds of them. */
const TIMES = { c: 1_000_000, call: 20_000, register: 1000, sim: 20, python: 4000 };

const PYTHON_WAYS = [
  { name: 'read32: Python ctypes', floor: 'read32: bare koffi call', way: 'ctypes_read' },
  { name: 'read32: Python mmap + struct', floor: 'read32: bare koffi call', way: 'struct_read' },
  { name: 'write32: Python ctypes', floor: 'write32: bare koffi call', way: 'ctypes_write' },
  { name: 'write32: Python mmap + struct', floor: 'write32: bare koffi call', way: 'struct_write' },
];

export const registers: Section = {
  name: 'registers',
  title: 'a register, mapped',
  rounds: 200,
  aims: [
    { figure: 'read32: bar.read32', against: 'read32: bare koffi call', atMost: 1.3 },
    { figure: 'read32: bar.read32', against: 'read32: Python ctypes', atMost: 0.25 },
  ],

  async measure(rounds, have) {
    if (!have('cc')) return [];
    const file = floorFile();
    const floor = bindFloor(file);
    const memory = new PageMemory(4096);
    const at = Number(memory.pointer) + OFFSET;
    const card = memoryCard();
    const { bar } = card;
    const { STATUS } = bar.registers(EDU);
    const sim = open('sim:edu');
    const simBar = sim.bar(0);
    const python = have('python3') ? new LineChild(PYTHON, [source('access.py'), file]) : undefined;

    const contenders = [
      looped('read32: C loop', 'ns', undefined, TIMES.c, (times) => floor.loopRead32(at, times)),
      looped('read32: bare koffi call', 'ns', 'read32: C loop', TIMES.call, (times) => {
        let sum = 0;
        for (let i = 0; i < times; i++) sum += floor.read32(at);
        return sum;
      }),
      looped('read32: bar.read32', 'ns', 'read32: bare koffi call', TIMES.call, (times) => {
        let sum = 0;
        for (let i = 0; i < times; i++) sum += bar.read32(OFFSET);
        return sum;
      }),
      looped('write32: C loop', 'ns', undefined, TIMES.c, (times) => floor.loopWrite32(at, times)),
      looped('write32: bare koffi call', 'ns', 'write32: C loop', TIMES.call, (times) => {
        for (let i = 0; i < times; i++) floor.write32(at, 0x80);
      }),
      looped('write32: bar.write32', 'ns', 'write32: bare koffi call', TIMES.call, (times) => {
        for (let i = 0; i < times; i++) bar.write32(OFFSET, 0x80);
      }),
      looped('edu.STATUS.read()', 'ns', 'read32: bare koffi call', TIMES.register, (times) => {
        let set = 0;
        for (let i = 0; i < times; i++) set += STATUS.read().IRQ;
        return set;
      }),
      looped('edu.STATUS.modify({ IRQ: 1 })', 'ns', 'read32: bare koffi call', TIMES.register, (times) => {
        for (let i = 0; i < times; i++) STATUS.modify({ IRQ: 1 });
      }),
      looped('bar.read32 on sim:edu', 'ns', 'read32: bare koffi call', TIMES.sim, (times) => {
        let sum = 0;
        for (let i = 0; i < times; i++) sum += simBar.read32(OFFSET);
        return sum;
      }),
    ];
    if (python) {
      for (const { way, ...names } of PYTHON_WAYS) {
        const request = JSON.stringify({ way, times: TIMES.python });
        contenders.push({ ...names, unit: 'ns', sample: async () => Number(await python.ask(request)) });
      }
    }
    try {
      return await interleave(rounds, contenders);
    } finally {
      await python?.end();
      sim.close();
      card.close();
      memory.release();
    }
  },
};
