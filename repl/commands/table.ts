/** The commands of `vfiolab`, as data. */
import type { Command, Option } from './command.js';

const JSON_OPTION: Option = { help: 'print data as JSON' };
const VF_TOKEN: Readonly<Record<string, Option>> = {
  'vf-token': { value: 'UUID', help: "SR-IOV's VF token: the one that the PF is in use with, for its VFs" },
};
const WIDTH_OPTION: Option = { value: 'BITS', help: 'width of each access: 8, 16, 32 (default) or 64' };
const KERNEL_PLACE: Readonly<Record<string, Option>> = {
  user: { help: "in the user's Jupyter folder (default)" },
  prefix: { value: 'P', help: 'under P/share/jupyter' },
  'sys-prefix': { help: 'under the prefix of the active Python environment' },
};
const KERNEL_NAME: Option = { value: 'N', help: 'name of the kernelspec (default vfiolab)' };

const FILTERS =
  'SLOT is [[[[DOMAIN]:]BUS]:][SLOT][.[FUNCTION]], ID is [VENDOR]:[DEVICE][:CLASS[:PROG-IF]], as in lspci.';
const FILTER_OPTIONS: Readonly<Record<string, Option>> = {
  slot: { short: 's', value: 'SLOT', help: 'only the functions of this slot' },
  id: { short: 'd', value: 'ID', help: 'only the functions of this vendor, device and class' },
};

const NUMBERS = 'OFFSET, LENGTH and VALUE are numbers as TypeScript writes them: 0x1f, 31, 0b1_1111.';
const NAMES = [
  "NAME is setpci's, for a place in config space: COMMAND, CAP_EXP+8.w, ECAP_AER+4.l, CAP_VNDR.l@1, 3c.b; numbers in it",
  'are hexadecimal.',
];
const JSON_NUMBERS = '--json: values up to 32 bits are numbers, 64-bit values and IOVAs hex strings ("0x1f").';

export const COMMANDS: readonly Command[] = [
  {
    name: 'repl',
    usage: "[SPEC | --existing [CONNECTION]] [--prelude FILE] [-e 'CODE'] [--plain]",
    operands: [0, 1],
    summary: 'open the prompt on a device (the default command)',
    details: [
      'SPEC is $VFIOLAB_DEVICE where it is not given, else sim:edu. With -e, or where standard input or output is no',
      'terminal, it is a script: CODE, or what standard input holds, is run and what comes of it printed as plain text;',
      'the exit code is 1 where it fails.',
      "--existing is a front end to a notebook's kernel, with its variables and its card, and leaves it running.",
      "CONNECTION is its connection file, or in Jupyter's runtime folder the file's name, a part of it or a glob; else",
      'it is the newest there that answers.',
    ],
    options: {
      existing: { help: 'join a kernel that runs' },
      prelude: { value: 'FILE', help: 'run the cells of a notebook or a .ts file first' },
      eval: { short: 'e', value: 'CODE', help: 'run CODE and leave' },
      plain: { help: 'print lines only, for a screen reader: no frame, no colours' },
    },
    examples: [
      'vfiolab',
      'vfiolab 0000:01:00.0',
      "vfiolab repl sim:edu -e 'edu.ID.read()'",
      'vfiolab repl --prelude bringup.ipynb',
      'vfiolab repl --existing',
    ],
    run: async (call) => (await import('./repl.js')).repl(call),
  },
  {
    name: 'list',
    usage: '[-s SLOT] [-d ID] [--subsystem ID] [--json]',
    operands: [0, 0],
    summary: 'the PCI functions of this host, and which of them VFIO can open',
    details: [FILTERS],
    options: {
      ...FILTER_OPTIONS,
      subsystem: { value: 'ID', help: 'only those of this subsystem: [VENDOR]:[DEVICE], in hex' },
      json: JSON_OPTION,
    },
    examples: [
      'vfiolab list',
      'vfiolab list -d ::0108',
      "vfiolab list --json | jq -r '.[] | select(.vfio.usable) | .bdf'",
    ],
    run: async (call) => (await import('./list.js')).list(call),
  },
  {
    name: 'bind',
    usage: 'BDF… [--user USER] [--group GROUP] [--in-use BDF,…] [--dry-run] [--json]',
    operands: [1, 64],
    summary: 'give devices to vfio-pci, each with its IOMMU group',
    details: [
      'Members of the group that a driver has come along, since VFIO opens no group that is shared with another driver.',
      'Bridges are refused; so is a disk or a network card that the host uses, unless --in-use names it once more.',
      'Where vfio-pci does not take a device, all is put back. The old driver is remembered for release. Needs root.',
    ],
    options: {
      user: { short: 'u', value: 'USER', help: 'who is to own the nodes below /dev/vfio' },
      group: { short: 'g', value: 'GROUP', help: 'and which group' },
      'in-use': { value: 'BDF,…', help: 'take these although the host uses them' },
      'dry-run': { short: 'n', help: 'print each write as a line of shell, and do none' },
      json: JSON_OPTION,
    },
    examples: ['vfiolab bind 0000:01:00.0 --user alice', 'vfiolab bind 0000:01:00.0 --dry-run | sudo sh -e'],
    run: async (call) => (await import('./bind.js')).bind(call),
  },
  {
    name: 'release',
    usage: 'BDF… [--dry-run] [--json]',
    operands: [1, 64],
    summary: 'give devices back to the drivers they had before bind',
    options: {
      'dry-run': { short: 'n', help: 'print each write as a line of shell, and do none' },
      json: JSON_OPTION,
    },
    examples: ['vfiolab release 0000:01:00.0'],
    run: async (call) => (await import('./bind.js')).release(call),
  },
  {
    name: 'doctor',
    usage: '[BDF] [--vf-token UUID] [--json]',
    operands: [0, 1],
    summary: 'why a device would not open, and the commands that cure it',
    details: ['Without a BDF: the host as a whole. Exit code 1 where something is wrong. Changes nothing.'],
    options: { ...VF_TOKEN, json: JSON_OPTION },
    examples: ['vfiolab doctor', 'vfiolab doctor 0000:01:00.0'],
    run: async (call) => (await import('./doctor.js')).doctor(call),
  },
  {
    name: 'info',
    usage: 'SPEC [--vf-token UUID] [--json]',
    operands: [1, 1],
    summary: 'what a device is: identity, regions, interrupts',
    details: ['Reads the identity from config space; no BAR is touched.', JSON_NUMBERS],
    options: { ...VF_TOKEN, json: JSON_OPTION },
    examples: ['vfiolab info sim:edu', 'vfiolab info 0000:01:00.0 --json'],
    run: async (call) => (await import('./info.js')).info(call),
  },
  {
    name: 'dump',
    usage: 'SPEC REGION[+OFFSET[:LENGTH]] [-o FILE] [--width BITS] [--format lspci] [--vf-token UUID] [--json]',
    operands: [2, 2],
    summary: 'a hexdump of a region, or its bytes into a file',
    details: [
      'REGION is config, bar0 to bar5, rom or vga. Every byte asked for is read, once, in order: mind registers that',
      'reading changes.',
      NUMBERS,
      JSON_NUMBERS,
    ],
    options: {
      ...VF_TOKEN,
      output: { short: 'o', value: 'FILE', help: 'write the bytes to FILE (- is standard output)' },
      width: WIDTH_OPTION,
      format: { value: 'lspci', help: 'config space as lspci -xxxx prints it; lspci -F and vfiolab decode read that' },
      json: JSON_OPTION,
    },
    examples: [
      'vfiolab dump sim:edu config',
      'vfiolab dump 0000:01:00.0 config --format lspci',
      'vfiolab dump 0000:01:00.0 bar0+0x80:256 -o bar0.bin',
    ],
    run: async (call) => (await import('./dump.js')).dump(call),
  },
  {
    name: 'decode',
    usage: 'FILE|SPEC|- [-s SLOT] [-d ID] [--vf-token UUID] [--json]',
    operands: [1, 1],
    summary: "config space in lspci's words, of a device or of a dump",
    details: [
      'FILE is what lspci -x, -xxx or -xxxx prints, with any number of functions; - is standard input. Names are those of',
      "the system's pci.ids. What lspci decoded among the hex is skipped.",
      FILTERS,
    ],
    options: { ...VF_TOKEN, ...FILTER_OPTIONS, json: JSON_OPTION },
    examples: [
      'vfiolab decode 0000:01:00.0',
      'vfiolab decode dump.txt -s 01:00.0 --json',
      'vfiolab decode machine.txt -d 8086:',
    ],
    run: async (call) => (await import('./decode.js')).decode(call),
  },
  {
    name: 'peek',
    usage: 'SPEC REGION+OFFSET|NAME [--width BITS] [--vf-token UUID] [--json]',
    operands: [2, 2],
    summary: 'read one register',
    details: [...NAMES, NUMBERS, JSON_NUMBERS],
    options: { ...VF_TOKEN, width: WIDTH_OPTION, json: JSON_OPTION },
    examples: [
      'vfiolab peek sim:edu bar0+0x00',
      'vfiolab peek 0000:01:00.0 config+6 --width 16',
      'vfiolab peek 0000:01:00.0 CAP_EXP+12.w',
      'vfiolab peek 0000:01:00.1 bar0+0x00 --vf-token 83f0cd1e-8d3a-4e1f-a27c-6d1f0a2b6c3d',
    ],
    run: async (call) => (await import('./peek.js')).peek(call),
  },
  {
    name: 'poke',
    usage: 'SPEC REGION+OFFSET|NAME VALUE[:MASK] [--width BITS] [--read] [--vf-token UUID] [--json]',
    operands: [3, 3],
    summary: 'write one register',
    details: [
      'Nothing of a BAR is read unless --read asks for it.',
      ...NAMES,
      'VALUE:MASK changes the bits of MASK alone: it reads first, keeps reserved bits, and clears no write-1-to-clear bit',
      'that MASK does not have.',
      NUMBERS,
      JSON_NUMBERS,
    ],
    options: {
      ...VF_TOKEN,
      width: WIDTH_OPTION,
      read: { help: 'read the register back after the write' },
      json: JSON_OPTION,
    },
    examples: ['vfiolab poke sim:edu bar0+0x04 0x1234_5678 --read', 'vfiolab poke sim:edu COMMAND 0x4:0x4'],
    run: async (call) => (await import('./poke.js')).poke(call),
  },
  {
    name: 'walk',
    usage: 'SPEC REGION[+OFFSET] [--vf-token UUID] [--json]',
    operands: [2, 2],
    summary: 'the device feature headers of an FPGA card: what is in a BAR, by its own list',
    details: [
      '64-bit reads of the headers, which reading does not change. Exit code 1 where the list leaves the region.',
    ],
    options: { ...VF_TOKEN, json: JSON_OPTION },
    examples: ['vfiolab walk 0000:01:00.0 bar0'],
    run: async (call) => (await import('./walk.js')).walk(call),
  },
  {
    name: 'run',
    usage: 'NOTEBOOK [--device SPEC] [-p NAME=VALUE]… [-o OUT] [--json]',
    operands: [1, 1],
    summary: 'execute a notebook without Jupyter',
    details: [
      'Stops at the first cell that fails (unless it is tagged raises-exception) and exits with 1; OUT is written then',
      'too. -p gives a parameter that the cell tagged `parameters` declares another value, in a cell behind it.',
      'Without -o the cells and outputs are printed as text. NOTEBOOK is left as it is, unless OUT is the same file.',
    ],
    options: {
      device: { value: 'SPEC', help: 'the device that open() opens ($VFIOLAB_DEVICE of the kernel)' },
      parameter: {
        short: 'p',
        value: 'NAME=VALUE',
        help: "another value for one of the notebook's parameters",
        many: true,
      },
      output: { short: 'o', value: 'OUT', help: 'write the notebook with its outputs to OUT' },
      json: { help: 'print the notebook with its outputs' },
    },
    examples: [
      'vfiolab run notebooks/edu.ipynb --device 0000:01:00.0 -o /tmp/edu.ipynb',
      'vfiolab run notebooks/interrupts.ipynb -p device=0000:01:00.0 -p count=500',
    ],
    run: async (call) => (await import('../run.js')).run(call),
  },
  {
    name: 'notebook clean',
    usage: 'NOTEBOOK… [--outputs] [--check]',
    operands: [1, 1000],
    summary: 'take out what differs from run to run',
    details: [
      'Metadata that authors did not write (times, states, versions), and the numbers of cells that were not run in one go',
      "from top to bottom. - is standard input, for git: git config filter.notebook.clean 'vfiolab notebook clean -'",
    ],
    options: {
      outputs: { help: 'the outputs too' },
      check: { help: 'change nothing, end with 1 where something is to be taken out' },
    },
    examples: ['vfiolab notebook clean notebooks/*.ipynb', 'vfiolab notebook clean --check notebooks/*.ipynb'],
    run: async (call) => (await import('./notebook.js')).cleanNotebooks(call),
  },
  {
    name: 'kernel install',
    usage: '[--user | --prefix P | --sys-prefix] [--name N]',
    operands: [0, 0],
    summary: 'show the kernel to Jupyter',
    options: { ...KERNEL_PLACE, name: KERNEL_NAME },
    examples: ['vfiolab kernel install --user'],
    run: async (call) => (await import('./kernel.js')).install(call),
  },
  {
    name: 'kernel list',
    usage: '[--json]',
    operands: [0, 0],
    summary: 'where Jupyter finds this kernel, and whether it would start',
    options: { json: JSON_OPTION },
    examples: ['vfiolab kernel list'],
    run: async (call) => (await import('./kernel.js')).list(call),
  },
  {
    name: 'kernel remove',
    usage: '[--user | --prefix P | --sys-prefix] [--name N]',
    operands: [0, 0],
    summary: 'take the kernel away from Jupyter',
    options: { ...KERNEL_PLACE, name: KERNEL_NAME },
    examples: ['vfiolab kernel remove --user'],
    run: async (call) => (await import('./kernel.js')).remove(call),
  },
  {
    name: 'help',
    usage: '[COMMAND]',
    operands: [0, 2],
    summary: 'this text, or all about one command',
    options: {},
    examples: ['vfiolab help dump'],
    run: async (call) => (await import('./help.js')).help(call),
  },
];
