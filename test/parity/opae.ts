/** What OPAE can do (opae.io, libopae). */
import { CONTRACT, DMA, IRQS, inside, MEMORY, REGIONS, type Row } from './row.js';

export const OPAE: readonly Row[] = [
  {
    there: 'opening and closing a card; closing gives back what was left',
    here: "open('0000:03:00.0'), dev.close()",
    api: ['open', 'Device.close', 'Device.regions', 'Device.irqs'],
    shown: [
      [CONTRACT, 'is inert: no bus mastering, no interrupt, no buffer'],
      [DMA, 'closing the device frees its buffers'],
      [MEMORY, 'close tells what was still mapped, and where it was made'],
      [inside('group'), 'opening is inert, and the second open works as the first'],
    ],
  },
  {
    there: 'opening with a VF token, a PF and its VFs',
    here: 'open(bdf, { vfToken })',
    api: ['open'],
    shown: [
      [inside('sriov'), '*: VFs are enabled, and are open to who has the token of their PF'],
      [inside('sriov'), 'tokens that the kernel need not see are refused before'],
    ],
  },
  {
    there: 'the VF token of a shell command',
    here: 'vfiolab peek 0000:03:00.1 bar0+0x0 --vf-token UUID; dump, poke, info, walk, decode',
    api: ['command peek', 'command poke', 'command dump'],
    shown: [
      ['cli.test.ts', 'a VF token is shown to the card, and refused by one that has none'],
      [inside('sriov'), '*: VFs are enabled, and are open to who has the token of their PF'],
    ],
  },
  {
    there: 'a BAR by its number: its size, its accesses; one that is not there is an error',
    here: 'dev.bar(0).read32(0x20), dev.region("rom")',
    api: ['Device.bar', 'Device.region', 'Region.size', 'Region.read32', 'Region.write64'],
    shown: [
      [REGIONS, 'a register is read and written at its width'],
      [REGIONS, 'a BAR or region that the card does not have is refused, naming those it has'],
      [inside('vectors'), 'e1000e: the BAR with the MSI-X table answers everywhere'],
      ['access.test.ts', 'all capabilities of a region count, whatever their order'],
    ],
  },
  {
    there: 'memory for the card from pages of 4 KiB, 2 MiB and 1 GiB, by its size or as asked for',
    here: "dev.dma(size, { pageSize: 'opae' | '4K' | '2M' | '1G' })",
    api: ['Device.dma', 'DmaBuffer.iova', 'DmaBuffer.bytes'],
    shown: [
      [inside('memory'), "*: pages by name, and by libopae's policy"],
      [
        inside('gigantic'),
        'a page of 1 GiB, by the policy of libopae and at IOVA 0, where a card of 28 bits reaches it',
      ],
      [DMA, 'huge pages are whole, or their absence names the file and the command'],
    ],
  },
  {
    there: 'memory that the caller has already',
    here: 'dev.dma(pageMemory(65536)), dev.dma(bytes)',
    api: ['pageMemory', 'Device.dma'],
    shown: [[MEMORY, 'memory of an ArrayBuffer of the caller’s is taken from its first page on']],
  },
  {
    there: 'freeing a buffer, and looking one up by its memory or its IOVA',
    here: 'buf.free(), dev.bufferAt(iova)',
    api: ['DmaBuffer.free', 'Device.bufferAt', 'DmaBuffer.iovaOf'],
    shown: [
      [MEMORY, 'a buffer is found by an IOVA in it and by a view of its memory'],
      [DMA, 'freeing twice is allowed; old views of the memory read zeros and harm nothing'],
    ],
  },
  {
    there: 'filling and comparing memory, and values of 8 to 64 bits in it',
    here: "buf.fill('poison'), buf.compare(bytes), buf.struct({ … })",
    api: ['DmaBuffer.fill', 'DmaBuffer.compare', 'DmaBuffer.struct', 'u8', 'u64'],
    shown: [
      [MEMORY, 'memory is filled and compared, and a difference shows where'],
      [MEMORY, 'a struct is assigned and read by its names, little-endian, and the card sees it'],
    ],
  },
  {
    there: 'interrupts by vector: enable, disable, mask, unmask',
    here: "dev.enableIrqs('msix', { vectors: [0, 3] }), irq.mask(), dev.disableIrqs()",
    api: ['Device.enableIrqs', 'Device.disableIrqs', 'Irq.mask', 'Irq.unmask'],
    shown: [
      [inside('vectors'), '*: nvme: a subset of the vectors, more of them later, some of them less'],
      [inside('vectors'), 'the kernel itself refuses to mask MSI-X: ENOTTY'],
      [IRQS, 'INTx masked by hand stays silent until it is unmasked'],
    ],
  },
  {
    there: 'whether a device is busy, and with whom',
    here: 'holders(bdf)',
    api: ['holders'],
    shown: [
      [
        inside('host'),
        'open in another process, and asleep in its hands: the doctor names both, and its commands end both',
      ],
    ],
  },
  {
    there: 'several threads',
    here: 'a device belongs to the thread that opened it; another is refused, and told why',
    api: ['open'],
    shown: [[inside('memory'), 'another thread cannot open the card, nor be given it, and is told why']],
  },
  {
    there: 'giving a card to vfio-pci and its node to a user; giving it back',
    here: 'bind(bdf, { user, group }), release(bdf)',
    api: ['bind', 'release', 'command bind', 'command release'],
    shown: [
      [inside('host'), 'bind --user: another user opens the card; without it the doctor’s commands let them'],
      [inside('host'), 'a card that its driver uses: nvme goes and comes back'],
    ],
  },
  {
    there: 'listing cards by their ids and those of their subsystems',
    here: 'vfiolab list -d 8086:, --subsystem 1af4:1100; list().filter(…)',
    api: ['list', 'command list'],
    shown: [
      [inside('host'), 'list tells the cards of this machine'],
      ['host-list.test.ts', 'vfiolab list --subsystem chooses by subsystem'],
    ],
  },
  {
    there: 'peek, poke and dump from a shell: as text, as bytes, so many of them',
    here: 'vfiolab peek, poke, dump -o FILE; the same in a cell',
    api: ['command peek', 'command poke', 'command dump', 'Region.dump', 'Region.readBlock'],
    shown: [
      ['cli.test.ts', 'poke writes, and reads back only where asked for'],
      ['cli.test.ts', 'dump -o - writes the bytes to standard output'],
      [inside('verbs'), 'a mapped BAR: each access has its own width, alone and in blocks'],
    ],
  },
  {
    there: 'a script in a file',
    here: 'vfiolab FILE.ts, vfiolab -e CODE, vfiolab run NOTEBOOK',
    api: ['command repl', 'command run'],
    shown: [
      ['vm/prompt.test.ts', 'what was recorded there is replayed here, without the card'],
      ['prompt-recipe.test.ts', '-e runs code behind the prelude and the cells of --prelude, as plain text'],
    ],
  },
  {
    there: 'walking the list of device feature headers',
    here: 'dfhWalk(dev.bar(0)), vfiolab walk',
    api: ['dfhWalk', 'DFH', 'command walk'],
    shown: [[inside('host'), 'a list of device feature headers is walked in a card’s memory']],
  },
];
