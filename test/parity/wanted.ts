/** What people asked other tools for. */
import { BRINGUP, inside, REGIONS, REGISTERS, type Row, VECTORS } from './row.js';

export const WANTED: readonly Row[] = [
  {
    there: 'every capability as typed data that is JSON',
    here: "dev.cap('EXP').LNKSTA.SPEED, dev.config.describe()",
    api: ['Device.cap', 'Device.capabilities', 'Config.describe'],
    shown: [
      ['config.test.ts', 'cap() and capabilities() read, and return data'],
      ['config.test.ts', 'types reach down to the field'],
    ],
    anywhere: 'dumps of real cards are decoded',
  },
  {
    there: 'registers that know what reading them does, so that dumps and displays leave them alone',
    here: "r32(0x04, {}, 'rclr'): dump(), snapshot() and watch() leave it out",
    api: ['Region.dump', 'snapshot', 'Region.registers'],
    shown: [
      [BRINGUP, 'a dump leaves out the registers that reading would change'],
      [REGISTERS, 'looking at anything reads no register'],
    ],
  },
  {
    there: 'a session that outlives faults on the bus',
    here: 'a BusError that names the register; the session goes on',
    api: ['BusError'],
    shown: [
      [REGIONS, 'with memory decoding off a read is a BusError, and the session goes on'],
      [inside('resets'), '*: asleep in D3 a mapped BAR is a BusError, config space answers, and D0 brings it back'],
    ],
  },
  {
    there: 'a session that outlives an unplugged card, and tells all-ones from a value',
    here: 'dev.onEvent(listener); later calls throw a GoneError that says what happened',
    api: ['GoneError', 'Device.onEvent', 'Device.rehearse'],
    shown: [
      [inside('gone'), '*: an unbind while nothing is done: an event, and later calls say what happened'],
      [inside('gone'), 'a register that holds all-ones is told from a card that is not there'],
    ],
  },
  {
    there: 'a doctor that names who keeps a group from being viable and prints the fix; a dry run; an undo',
    here: 'doctor(bdf), bind(bdf, { dryRun: true }), release(bdf)',
    api: ['doctor', 'bind', 'release', 'command doctor'],
    shown: [
      [
        inside('host'),
        'a group that is not viable: the doctor names who is in the way; its command makes way, release gives back',
      ],
      [inside('host'), 'a dry run, given to a shell, does what bind does'],
    ],
  },
  {
    there: 'an interrupt bench: wait, count, latency histogram, loopback',
    here: 'await irq.bench({ count: 1000 }), irq.trigger(), irq.count',
    api: ['Irq.bench', 'Irq.trigger', 'Irq.count', 'Histogram'],
    shown: [[VECTORS, 'a bench gives a histogram of wakes']],
  },
  {
    there: 'snapshot, difference and watch, by field',
    here: 'snapshot(edu).since(before), watch(edu)',
    api: ['snapshot', 'Snapshot.since', 'cell watch'],
    shown: [[BRINGUP, 'a snapshot tells by fields what changed since another']],
  },
  {
    there: 'polling with a deadline that leaves panels and completion alive',
    here: 'await until(() => edu.STATUS.read().COMPUTING === 0, { timeout: 1000 })',
    api: ['until'],
    shown: [[BRINGUP, 'until polls a register with a deadline, while the event loop goes on']],
  },
  {
    there: 'a misspelt register that is refused before the card is touched',
    here: 'the type checker, before a cell runs',
    api: ['r32'],
    shown: [
      ['readme.test.ts', 'the first look is refused for its misspelt register alone'],
      [REGISTERS, 'bad fields and bad access modes are refused before the card is touched'],
    ],
  },
  {
    there: 'the same notebook on a card, a simulator, a recording',
    here: "vfiolab run NOTEBOOK --device SPEC; open() without a name; 'replay:run.jsonl'",
    api: ['open', 'command run'],
    shown: [
      ['vm/prompt.test.ts', 'what was recorded there is replayed here, without the card'],
      ['vm/prompt.test.ts', 'the notebook showed what it shows on the simulator'],
      [
        'cli-run.test.ts',
        'runs in its own folder, and opens the device that --device names; a cell may use the types that one before left',
      ],
    ],
  },
];
