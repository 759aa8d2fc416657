/** Inputs that break other tools. */
import { inside, type Row, VECTORS } from './row.js';

export const BAD_INPUTS: readonly Row[] = [
  {
    there: 'domains of more than four digits',
    here: "open('10001:80:05.0'), bind('10001:80:05.0')",
    api: ['open', 'bind', 'list'],
    shown: [
      ['host-bind.test.ts', 'domains above four digits are none of these'],
      ['host-list.test.ts', 'come in BDF order, domains above four digits last'],
    ],
    anywhere: 'QEMU has no such domain',
  },
  {
    there: 'a BAR of 64 bits that is read as two',
    here: 'dev.bar(2) is the whole of it, and there is no dev.bar(3)',
    api: ['Device.bar', 'Device.regions'],
    shown: [
      [
        inside('devices'),
        'ivshmem: a BAR that is memory holds what is written, in every width, and no interrupt is there',
      ],
    ],
  },
  {
    there: 'the hole that the MSI-X table makes in a mapped BAR',
    here: 'it is reached by pread: dev.bar(3).read32(0)',
    api: ['Device.bar'],
    shown: [
      [inside('vectors'), 'e1000e: the BAR with the MSI-X table answers everywhere'],
      ['access.test.ts', 'the pages of the MSI-X table are left out of a mapping'],
    ],
  },
  {
    there: 'dumps with decoded text among the hex',
    here: 'vfiolab decode FILE takes the hex alone',
    api: ['command decode'],
    shown: [['cli-decode.test.ts', 'standard input, domains of five digits and more, decoded text among the hex']],
    anywhere: 'dumps are decoded',
  },
  {
    there: 'config chains that loop',
    here: 'dev.capabilities() ends, and says so',
    api: ['Device.capabilities'],
    shown: [
      ['config.test.ts', 'a loop ends'],
      ['config-hostile.test.ts', 'the extended one loops: to itself, to the one before, and over all it can hold'],
    ],
    anywhere: 'no card has one',
  },
  {
    there: 'capabilities past the bytes that are there',
    here: 'vfiolab decode of what lspci -x wrote',
    api: ['command decode'],
    shown: [
      ['config.test.ts', 'past the bytes, access is denied'],
      ['config-hostile.test.ts', '64 and 256 bytes only: what is missing is shown as lspci does'],
    ],
    anywhere: 'dumps are decoded',
  },
  {
    there: 'the fds of ERR and REQ among those of MSI',
    here: "dev.enableIrqs('req') beside dev.enableIrqs('msi')",
    api: ['Device.enableIrqs', 'waitAny'],
    shown: [
      [VECTORS, 'waitAny ends with the one that fires; the other keeps its own firings'],
      [inside('vectors'), '*: every kind of interrupt, and the best one first'],
    ],
  },
];
