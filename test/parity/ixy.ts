/** What ixy, a network driver in user space, can do. */
import { DMA, IRQS, inside, MEMORY, type Row, VECTORS } from './row.js';

export const IXY: readonly Row[] = [
  {
    there: 'bus mastering on and off',
    here: 'dev.busMaster(true)',
    api: ['Device.busMaster'],
    shown: [[DMA, 'without bus mastering nothing arrives']],
  },
  {
    there: 'MSI on and off',
    here: "dev.enableIrqs('msi'), dev.disableIrqs('msi')",
    api: ['Device.enableIrqs', 'Device.disableIrqs'],
    shown: [[IRQS, 'MSI: a wait ends when the card fires']],
  },
  {
    there: 'so many vectors of MSI-X, each with its fd',
    here: "dev.enableIrqs('msix', 5)",
    api: ['Device.enableIrqs'],
    shown: [[inside('vectors'), '*: e1000e: the card itself fires each of 5 MSI-X vectors, and after a reset again']],
  },
  {
    there: 'the best kind of interrupt that the card has',
    here: 'dev.enableIrqs()',
    api: ['Device.enableIrqs'],
    shown: [
      [inside('vectors'), '*: every kind of interrupt, and the best one first'],
      [VECTORS, 'without a kind the best one is enabled'],
    ],
  },
  {
    there: 'waiting with a timeout, and draining',
    here: 'await irq.wait({ timeout }), await waitAny(irqs)',
    api: ['Irq.wait', 'waitAny', 'firings'],
    shown: [
      [IRQS, 'a wait returns at once for what fired since the last one, and no firing is lost'],
      [VECTORS, 'waitAny ends with the one that fires; the other keeps its own firings'],
    ],
  },
  {
    there: 'one container for several cards',
    here: 'open(bdf, { iommuOf: dev })',
    api: ['open'],
    shown: [
      [inside('together'), '*: two cards share buffers at one IOVA; card * closed first leaves the other at work'],
    ],
  },
  {
    there: 'the check whether a group is viable',
    here: 'open(bdf) names who is in the way; doctor(bdf) says how to make way',
    api: ['open', 'doctor'],
    shown: [
      [inside('group'), 'a group that is not viable names the other members and their drivers'],
      [
        inside('host'),
        'a group that is not viable: the doctor names who is in the way; its command makes way, release gives back',
      ],
    ],
  },
  {
    there: 'mapping memory at an IOVA, and unmapping it',
    here: 'dev.dma(size, { iova, mask, access })',
    api: ['Device.dma', 'DmaBuffer.free'],
    shown: [
      [MEMORY, 'an IOVA may be chosen, 0 too; one that is taken, out of range or odd is refused'],
      [inside('verbs'), 'DMA maps: overlaps, ranges and alignment are told apart; a map is taken back once'],
    ],
  },
];
