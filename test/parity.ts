/**
 * What other tools for the same work can do, row by row: the calls here that do it, and the test that runs them. A row is here when it is
 * true; parity.test.ts holds that the calls and the tests exist, and that what depends on the kernel runs on the kernel's own VFIO.
 */

export interface Row {
  /** What is done there, in its own words where it has some. */
  readonly there: string;
  /** How it is done here. */
  readonly here: string;
  /** Names behind it: an export, 'Class.member', 'command NAME', or 'cell NAME' for what only cells have. */
  readonly api: readonly string[];
  /** The file below test/, and the test's name in it, '*' for what a template fills in. */
  readonly shown: readonly (readonly [file: string, test: string])[];
  /** Why no kernel is needed for it; else one of the tests runs in the guest. */
  readonly anywhere?: string;
}

const CONTRACT = 'contract.ts';
const BRINGUP = 'contract/bringup.ts';
const DMA = 'contract/dma.ts';
const IRQS = 'contract/irqs.ts';
const MEMORY = 'contract/memory.ts';
const REGIONS = 'contract/regions.ts';
const REGISTERS = 'contract/registers.ts';
const VECTORS = 'contract/vectors.ts';
const inside = (name: string): string => `vm/inside/${name}.ts`;

const OPAE: readonly Row[] = [
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
      ['vm/notebook.test.ts', 'what was recorded there is replayed here, without the card'],
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

const IXY: readonly Row[] = [
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

const VFIO: readonly Row[] = [
  {
    there: 'the group path: container, viability, IOMMU and its capabilities, device',
    here: "open('group:0000:03:00.0')",
    api: ['open'],
    shown: [
      [inside('group'), 'edu as the kernel tells it'],
      ['access.test.ts', 'IOVA ranges come from the kernel; one that does not say gets 39 bits without the MSI window'],
    ],
  },
  {
    there: 'the iommufd path: bind, IOAS, attach, map, unmap, ranges',
    here: "open('iommufd:0000:03:00.0'); a plain BDF takes it where it may",
    api: ['open', 'Device.spec'],
    shown: [
      [inside('together'), 'a plain BDF takes iommufd where it is there, else the group, and the device says which'],
      [inside('errnos'), 'the errnos of an IOAS and of its device, each in words'],
    ],
  },
  {
    there: 'what the IOMMU is: IOMMU_GET_HW_INFO',
    here: "dev.driver: 'vfio-pci, iommufd, VT-d'",
    api: ['Device.driver'],
    shown: [
      [inside('together'), 'a plain BDF takes iommufd where it is there, else the group, and the device says which'],
    ],
  },
  {
    there: 'mappings that the card may only read, or only write',
    here: "dev.dma(size, { access: 'r' })",
    api: ['Device.dma'],
    shown: [[MEMORY, 'memory that the device may only read keeps what the device writes out']],
  },
  {
    there: 'regions and interrupts with their flags and capability chains',
    here: 'dev.regions, dev.irqs',
    api: ['Device.regions', 'Device.irqs'],
    shown: [
      [inside('group'), 'e1000e: two memory BARs, I/O ports, an MSI-X BAR and a ROM, each as what it is'],
      ['access.test.ts', 'all capabilities of a region count, whatever their order'],
    ],
  },
  {
    there: 'SET_IRQS with nothing, with booleans, with eventfds; mask, unmask, trigger',
    here: 'irq.mask(), irq.unmask(), irq.trigger()',
    api: ['Irq.mask', 'Irq.unmask', 'Irq.trigger'],
    shown: [
      [inside('verbs'), 'MSI: a firing of the card arrives, and so does one from software'],
      [inside('verbs'), 'INTx: masked when it fires, unmasked on request, again at once while the line is high'],
      [IRQS, 'a software trigger goes the whole way from the kernel'],
    ],
  },
  {
    there: 'unmasking by an eventfd',
    here: 'irq.unmaskBy()',
    api: ['Irq.unmaskBy'],
    shown: [[VECTORS, 'INTx is unmasked by an eventfd, as it is by a call']],
  },
  {
    there: 'the reset of a device',
    here: 'dev.reset()',
    api: ['Device.reset'],
    shown: [
      [CONTRACT, 'config space is restored; buffers and interrupts live on'],
      [VECTORS, 'a reset keeps counts and what is masked, and the interrupt goes on'],
    ],
  },
  {
    there: 'the hot reset of a bus, with the list of those it concerns',
    here: 'dev.hotResetDevices(), dev.hotReset()',
    api: ['Device.hotReset', 'Device.hotResetDevices'],
    shown: [
      [inside('resets'), '*: a hot reset keeps config space, buffers and vectors'],
      [inside('resets'), 'behind one bridge: not viable while one has another driver, then all are reset together'],
    ],
  },
  {
    there: 'DEVICE_FEATURE: what the kernel offers for the device; low power',
    here: 'dev.features(), dev.lowPower(true)',
    api: ['Device.features', 'Device.lowPower'],
    shown: [[inside('resets'), '*: in low power too, until it is taken out']],
  },
  {
    there: 'ERR and REQ interrupts',
    here: "dev.enableIrqs('req'), dev.onEvent(listener)",
    api: ['Device.enableIrqs', 'Device.onEvent'],
    shown: [
      [inside('vectors'), '*: every kind of interrupt, and the best one first'],
      [inside('gone'), 'an error of the bus is told, and the card stays open'],
    ],
  },
  {
    there: 'no-IOMMU mode, for who asks for it by name',
    here: "open('noiommu:0000:03:00.0', { unsafe: true })",
    api: ['open'],
    shown: [
      [inside('noiommu'), 'refused without the word for it, naming the risk; before any file is opened'],
      [inside('noiommu'), 'DMA to and from pages of 4 KiB and 2 MiB, interrupts, a warning'],
    ],
  },
  {
    there: 'the structs and numbers of the kernel’s headers',
    here: 'lib/uapi.ts, by hand',
    api: [],
    shown: [['uapi.test.ts', 'numbers and layouts are those of linux/vfio.h and linux/iommufd.h']],
    anywhere: 'headers are compared',
  },
];

const DPDK: readonly Row[] = [
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

const LOVED: readonly Row[] = [
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
      ['vm/notebook.test.ts', 'notebooks/edu.ipynb on the kernel’s vfio-pci'],
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
      ['vm/notebook.test.ts', 'what was recorded there is replayed here, without the card'],
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

const WANTED: readonly Row[] = [
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
      ['vm/notebook.test.ts', 'what was recorded there is replayed here, without the card'],
      ['vm/notebook.test.ts', 'notebooks/edu.ipynb on the kernel’s vfio-pci'],
      ['cli-run.test.ts', 'runs in its own folder, and opens the device that --device names'],
    ],
  },
];

const BAD_INPUTS: readonly Row[] = [
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

export const PARITY: Readonly<Record<string, readonly Row[]>> = {
  OPAE,
  ixy: IXY,
  'Linux VFIO': VFIO,
  DPDK,
  'what users of other tools love': LOVED,
  'what people asked for': WANTED,
  'inputs that break others': BAD_INPUTS,
};
