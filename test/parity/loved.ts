/** What users of other tools love about them. */
import { BRINGUP, REGISTERS, type Row } from './row.js';

export const LOVED: readonly Row[] = [
  {
    there: 'm1n1: register maps with enums and arrays',
    here: 'r32(0x20, { MODE: [5, 4, { OFF: 0, FAST: 3 }] }, { count: 4 })',
    api: ['r8', 'r32', 'r64', 'Region.registers'],
    shown: [[REGISTERS, 'fields are read by name and changed one by one']],
  },
  {
    there: 'm1n1: integers with their hex',
    here: '42 (0x2a) at the prompt and in scripts',
    api: ['command repl'],
    shown: [['prompt-dialogue.test.ts', 'a complete cell runs, its outputs are said in order, numbers go on']],
    anywhere: 'what is shown does not depend on the card',
  },
  {
    there: 'm1n1: a monitor of what changes',
    here: 'watch(edu) in a cell',
    api: ['cell watch'],
    shown: [
      [
        'kernel-show.test.ts',
        'a watch of a register map reads it, but for what reading would change; the last picture is of the end',
      ],
    ],
    anywhere: 'what is shown does not depend on the card',
  },
  {
    there: 'm1n1: hexdump and hexdiff, in colours',
    here: 'hexdump(bytes), hexdiff(before, after)',
    api: ['hexdump', 'hexdiff'],
    shown: [
      [BRINGUP, 'two dumps are compared byte for byte'],
      ['hexdump.test.ts', 'a View as ANSI has the same text under its colours'],
    ],
  },
  {
    there: 'rwmem: writing a field and reading it back',
    here: 'edu.STATUS.change({ IRQ: 1 })',
    api: ['Register.change', 'Register.modify'],
    shown: [[BRINGUP, 'change looks whether the fields took']],
  },
  {
    there: 'PYNQ: notebooks as the manual',
    here: 'notebooks/, run by the tests',
    api: [],
    shown: [
      ['vm/prompt.test.ts', 'the notebook showed what it shows on the simulator'],
      ['notebooks.test.ts', 'notebooks/* runs top to bottom with the outputs that are committed'],
    ],
  },
  {
    there: 'Glasgow: await at the top level',
    here: 'await irq.wait() in a cell or at the prompt',
    api: ['Irq.wait'],
    shown: [['kernel.test.ts', 'top-level await, for await and await using']],
    anywhere: 'cells are the kernel process’s own',
  },
  {
    there: 'Glasgow: recording once, replaying for ever',
    here: "open('record:run.jsonl#0000:03:00.0'), then open('replay:run.jsonl')",
    api: ['open'],
    shown: [
      ['vm/prompt.test.ts', 'what was recorded there is replayed here, without the card'],
      ['replay.test.ts', 'registers, interrupts and DMA are as they were'],
      ['replay.test.ts', 'what differs is refused, and says what was done then; doing that goes on'],
    ],
  },
  {
    there: 'chipsec: examples in the help',
    here: 'vfiolab help COMMAND',
    api: ['command help'],
    shown: [['cli-parse.test.ts', 'every example of the help is a command line that parses']],
    anywhere: 'text',
  },
  {
    there: 'LiteX: registers from csr.json',
    here: "dev.bar(0).registers(litexMap(readFileSync('csr.json', 'utf8')))",
    api: ['litexMap'],
    shown: [['maps.test.ts', 'csr.json becomes a register map']],
    anywhere: 'a map is data',
  },
  {
    there: 'lspci: its wording',
    here: 'vfiolab decode, dev.config.lspci()',
    api: ['lspciText', 'Config.lspci', 'command decode'],
    shown: [['config-lspci.test.ts', 'real dumps, line for line']],
    anywhere: 'dumps of real cards are decoded',
  },
  {
    there: 'setpci: its names of registers',
    here: "dev.config.at('CAP_EXP+8.w'), vfiolab peek SPEC CAP_EXP+8.w",
    api: ['Config.at'],
    shown: [['config-at.test.ts', 'its registers are ours']],
    anywhere: 'compared with setpci',
  },
];
