/** What DPDK can do. */
import { inside, type Row } from './row.js';

export const DPDK: readonly Row[] = [
  {
    there: 'the ten steps to a device, each with its own error',
    here: 'open(bdf): the error names the step, the ioctl, the errno and the cure',
    api: ['open', 'SystemError'],
    shown: [
      [inside('group'), 'absent, malformed, on another driver, on none: each says what to do'],
      [inside('group'), 'not root: no permission says chown; with the node, too little memlock names the limit'],
      [inside('errnos'), 'another user, another process: who may not, who has it, and how much may be locked'],
    ],
  },
  {
    there: 'BARs mapped except for the MSI-X table',
    here: 'dev.bar(0): mapped where it may be, by pread in the holes',
    api: ['Device.bar'],
    shown: [
      [inside('vectors'), 'e1000e: the BAR with the MSI-X table answers everywhere'],
      ['access.test.ts', 'the pages of the MSI-X table are left out of a mapping'],
    ],
  },
  {
    there: 'a second process that asks the first for the fds: OK, NO_FD, ERR',
    here: 'open(bdf, { share: true })',
    api: ['open'],
    shown: [
      [inside('share'), '*: a second process joins; both poke registers and do DMA, at IOVAs of their own'],
      ['share.test.ts', 'a group by its number: OK with the fd, NO_FD, ERR; the container'],
    ],
  },
  {
    there: 'the status list: classes, drivers, unused ones, what is active',
    here: 'vfiolab list, list()',
    api: ['list', 'command list'],
    shown: [
      [inside('host'), 'list tells the cards of this machine'],
      ['host-list.test.ts', 'are shown by classes, with what is in use'],
    ],
  },
  {
    there: 'refusing to take a device that is in use, unless told to',
    here: 'bind(bdf, { inUse: [bdf] })',
    api: ['bind'],
    shown: [
      [inside('host'), 'where the probe fails, though the write to drivers_probe did not, all is put back'],
      ['host-bind.test.ts', 'a disk in use, and names what ends that; unless its name is given once more'],
    ],
  },
];
