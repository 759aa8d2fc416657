/** `vfiolab list`: on machines made here, and on this one. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Host } from '../lib/host/host.js';
import { parsePciIds } from '../lib/host/ids.js';
import { list, listView } from '../lib/host/list.js';
import { VIEW } from '../lib/view.js';
import { BRIDGE, DISK, EDU, IDS, MadeHost, NIC, placeOf } from './host/machine.js';
import { vfiolab } from './vfiolab.js';

const ALIASES = `# Aliases extracted from modules themselves.
alias pci:v00008086d0000100Esv*sd*bc*sc*i* e1000
alias pci:v00008086d000010D3sv*sd*bc*sc*i* e1000e
alias pci:v*d*sv*sd*bc02sc00i* any_ethernet
alias usb:v8086p0001d*dc*dsc*dp*ic*isc*ip*in* other
`;
const MODALIAS = 'pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00';

describe('the functions of a host', () => {
  test('are told with their names, driver, group, NUMA node and other drivers', () => {
    const files = { numa_node: '1', subsystem_vendor: '0x1af4', subsystem_device: '0x1100', modalias: MODALIAS };
    const host = new MadeHost({
      cards: { '0000:01:00.0': { ...NIC, driver: 'e1000', group: 7, files } },
      files: {
        '/lib/modules/6.1.0/modules.alias': ALIASES,
        '/lib/modules/6.1.0/modules.builtin.modinfo':
          'my_nic.alias=pci:v00008086d*sv*sd*bc02sc*i*\0my_nic.license=GPL\0',
        [`${placeOf('0000:01:00.0')}/net/eth0/flags`]: '0x1002',
      },
      links: { '/sys/class/net/eth0': `${placeOf('0000:01:00.0')}/net/eth0` },
    });
    assert.deepEqual(
      [...list(host)],
      [
        {
          bdf: '0000:01:00.0',
          class: 0x020000,
          baseClassName: 'Network controller',
          className: 'Ethernet controller',
          vendor: 0x8086,
          vendorName: 'Intel Corporation',
          device: 0x100e,
          deviceName: '82540EM Gigabit Ethernet Controller',
          subsystemVendor: 0x1af4,
          subsystemDevice: 0x1100,
          revision: 0x10,
          driver: 'e1000',
          unused: ['my_nic', 'any_ethernet', 'vfio-pci'],
          group: 7,
          numa: 1,
          interfaces: ['eth0'],
          uses: [],
          vfio: { usable: false, reason: 'bound to e1000' },
        },
      ],
    );
  });

  test('come in BDF order, domains above four digits last', () => {
    const cards = { '10001:80:05.0': NIC, 'ffff:00:00.0': NIC, '0000:0a:00.0': NIC, '0000:02:1f.1': NIC };
    const order = list(new MadeHost({ cards })).map((one) => one.bdf);
    assert.deepEqual(order, ['0000:02:1f.1', '0000:0a:00.0', 'ffff:00:00.0', '10001:80:05.0']);
  });

  test('are shown by classes, with what is in use', () => {
    const host = new MadeHost({
      cards: {
        '0000:01:00.0': { ...NIC, driver: 'e1000' },
        '0000:02:00.0': EDU,
        '0000:03:00.0': { ...NIC, driver: 'e1000' },
      },
      files: { [`${placeOf('0000:03:00.0')}/net/eth1/flags`]: '0x1003' },
      links: { '/sys/class/net/eth1': `${placeOf('0000:03:00.0')}/net/eth1` },
    });
    const lines = String(list(host)[VIEW]()).split('\n').slice(2);
    assert.deepEqual(
      lines.map((line) => line.trim().split(/\s{2,}/)[0]),
      ['Network controller:', '0000:01:00.0', '0000:03:00.0', 'Unclassified device:', '0000:02:00.0'],
    );
    assert.doesNotMatch(lines[1] ?? '', /Active/);
    assert.match(lines[2] ?? '', /\*Active\* eth1 is up$/);
  });

  test('have numbers only, where pci.ids does not know them', () => {
    const found = list(new MadeHost({ cards: { '0000:01:00.0': EDU }, ids: parsePciIds('') }));
    assert.equal(found[0]?.vendorName, undefined);
    assert.equal(found[0]?.className, undefined);
    assert.match(String(listView(found)), /Class 00:\n +0000:01:00\.0 +00ff00 +1234:11e8 +-/);
  });

  test('are none where the kernel shows no PCI bus, and that is said', () => {
    const none = list(new Host('/proc/nowhere', IDS));
    assert.deepEqual([...none], []);
    assert.match(String(listView(none)), /\/sys\/bus\/pci shows no device/);
  });

  test('that go while they are looked at are left out, and a driver that goes is none', () => {
    const host = new MadeHost({ cards: { '0000:01:00.0': EDU, '0000:02:00.0': { ...NIC, driver: 'e1000' } } });
    host.drop(`${placeOf('0000:01:00.0')}/vendor`);
    host.drop(`${placeOf('0000:02:00.0')}/driver`);
    assert.deepEqual(
      list(host).map(({ bdf, driver }) => [bdf, driver]),
      [['0000:02:00.0', undefined]],
    );
  });
});

describe('what VFIO can open', () => {
  const vfio = { driver: 'vfio-pci' };
  const host = new MadeHost({
    cards: {
      '0000:00:00.0': BRIDGE,
      '0000:01:00.0': { ...EDU, ...vfio, group: 1 },
      '0000:02:00.0': { ...EDU, ...vfio, group: 2 },
      '0000:03:00.0': { ...EDU, ...vfio, group: 3 },
      '0000:03:00.1': { ...NIC, driver: 'e1000', group: 3 },
      '0000:04:00.0': { ...EDU, ...vfio, group: 4 },
      '0000:04:00.1': { ...BRIDGE, driver: 'pcieport', group: 4 },
      '0000:05:00.0': { ...EDU, ...vfio },
      '0000:06:00.0': { ...EDU, group: 6 },
      '0000:07:00.0': { ...EDU, driver: 'mlx5_vfio_pci', group: 7 },
      '0000:08:00.0': { ...EDU, ...vfio, group: 8 },
    },
    files: {
      '/dev/vfio/7': '',
      '/dev/iommu': '',
      // In no-IOMMU mode, since Linux 7.3.
      [`${placeOf('0000:08:00.0')}/vfio-dev/noiommu-vfio0/dev`]: '',
      '/dev/vfio/devices/noiommu-vfio0': '',
    },
    denied: ['/dev/vfio/2', '/dev/vfio/8'],
  });
  const reasons = Object.fromEntries(list(host).map((one) => [one.bdf, one.vfio]));
  const no = (reason: string) => ({ usable: false, reason });

  for (const [bdf, state] of Object.entries({
    '0000:00:00.0': no('a bridge'),
    '0000:01:00.0': { usable: true, reason: 'ready' },
    '0000:02:00.0': no('no permission for /dev/vfio/2'),
    '0000:03:00.0': no('group shared with 0000:03:00.1 (e1000)'),
    '0000:03:00.1': no('bound to e1000'),
    '0000:04:00.0': { usable: true, reason: 'ready' },
    '0000:05:00.0': no('no IOMMU group'),
    '0000:06:00.0': no('no driver'),
    '0000:07:00.0': { usable: true, reason: 'ready' },
    '0000:08:00.0': no('no permission for /dev/vfio/8'),
  })) {
    test(`${bdf}: ${state.reason}`, () => assert.deepEqual(reasons[bdf], state));
  }

  test('is counted in the title', () => {
    assert.match(String(listView(list(host))), /^11 PCI functions, 3 usable with VFIO\n/);
  });

  test('is nothing without an IOMMU, and the title says who tells how to have one', () => {
    const dark = list(new MadeHost({ cards: { '0000:01:00.0': NIC } }));
    assert.match(String(listView(dark)), /^1 PCI functions, none usable with VFIO; no IOMMU is on: `vfiolab doctor`/);
  });
});

describe('what a function is in use for', () => {
  const BDF = '0000:01:00.0';
  /** A disk with what is below it: names in sysfs, where each is, relative to the card. */
  const disk = (
    blocks: Readonly<Record<string, string>>,
    files: Readonly<Record<string, string>>,
    links: Readonly<Record<string, string>> = {},
  ): readonly string[] => {
    const made: Record<string, string> = { ...files };
    const led: Record<string, string> = { ...links };
    for (const [name, place] of Object.entries(blocks)) {
      const folder = place.startsWith('/') ? place : `${placeOf(BDF)}/${place}`;
      made[`${folder}/dev`] = `259:${Object.keys(blocks).indexOf(name)}\n`;
      made[`/dev/${name}`] = '';
      led[`/sys/class/block/${name}`] = folder;
    }
    const host = new MadeHost({ cards: { [BDF]: { ...DISK, driver: 'nvme' } }, files: made, links: led });
    return list(host)[0]?.uses ?? [];
  };
  const NVME = { nvme0n1: 'nvme/nvme0/nvme0n1', nvme0n1p1: 'nvme/nvme0/nvme0n1/nvme0n1p1' };
  const mount = (number: string, point: string, source: string) =>
    `36 35 ${number} / ${point} rw,noatime - ext4 ${source} rw\n`;

  test('nothing', () => assert.deepEqual(disk(NVME, {}), []));
  test('a mounted partition, also where only the first process sees it', () => {
    const files = { '/proc/1/mountinfo': mount('259:1', '/my\\040data', '/dev/nvme0n1p1') };
    assert.deepEqual(disk(NVME, files), ['nvme0n1p1 is mounted on /my data']);
  });
  test('a file system that hides its device number', () => {
    const files = { '/proc/self/mountinfo': mount('0:42', '/pool', '/dev/nvme0n1') };
    assert.deepEqual(disk(NVME, files), ['nvme0n1 is mounted on /pool']);
  });
  test('a part of a btrfs of several devices', () => {
    const files = { '/sys/fs/btrfs/1234/devices/nvme0n1/size': '1' };
    assert.deepEqual(disk(NVME, files), ['nvme0n1 is part of a mounted btrfs']);
  });
  test('swap', () => {
    const files = { '/proc/swaps': 'Filename Type Size Used Priority\n/dev/nvme0n1p1 partition 8 0 -2\n' };
    assert.deepEqual(disk(NVME, files), ['nvme0n1p1 is swap']);
  });
  test('volumes of LVM, arrays', () => {
    const holders = `${placeOf(BDF)}/nvme/nvme0/nvme0n1/holders`;
    const files = { [`${holders}/dm-0/x`]: '', [`${holders}/md0/x`]: '', '/sys/class/block/dm-0/dm/name': 'vg-home\n' };
    assert.deepEqual(disk(NVME, files), ['nvme0n1 is part of dm-0 (vg-home)', 'nvme0n1 is part of md0']);
  });
  test('a disk that nvme reaches by several paths', () => {
    const subsystem = '/sys/devices/virtual/nvme-subsystem/nvme-subsys0';
    const files = {
      [`${placeOf(BDF)}/nvme/nvme0/state`]: 'live',
      '/proc/self/mountinfo': mount('259:0', '/', '/dev/root'),
    };
    const links = { [`${subsystem}/nvme0`]: `${placeOf(BDF)}/nvme/nvme0` };
    assert.deepEqual(disk({ nvme0n1: `${subsystem}/nvme0n1` }, files, links), ['nvme0n1 is mounted on /']);
  });
  test('a disk of somebody else is none of its own', () => {
    const files = { '/proc/self/mountinfo': mount('259:0', '/', '/dev/sda') };
    assert.deepEqual(disk({ sda: `${placeOf('0000:02:00.0')}/ata1/sda` }, files), []);
  });
  test('a network interface: up, routes, addresses', () => {
    const net = `${placeOf(BDF)}/virtio0/net/eth0`;
    const made = (files: Readonly<Record<string, string>>) => {
      const all = { [`${net}/flags`]: '0x1002', ...files };
      return new MadeHost({ cards: { [BDF]: NIC }, files: all, links: { '/sys/class/net/eth0': net } });
    };
    const uses = (files: Readonly<Record<string, string>>) => list(made(files))[0]?.uses;
    assert.deepEqual(uses({}), []);
    assert.deepEqual(uses({ [`${net}/flags`]: '0x1003' }), ['eth0 is up']);
    assert.deepEqual(uses({ '/proc/net/route': 'Iface\tDestination\neth0\t0000A8C0\n' }), ['eth0 has a route']);
    const zeros = '0'.repeat(32);
    assert.deepEqual(uses({ '/proc/net/ipv6_route': `${zeros} 00 ${zeros} 00 ${zeros} 0 1 0 1 eth0\n` }), [
      'eth0 has a route',
    ]);
    assert.deepEqual(uses({ '/proc/net/if_inet6': `${zeros} 02 40 20 80 eth0\n` }), ['eth0 has an address']);
  });
  test('VFs, and the display of the console', () => {
    const uses = (files: Readonly<Record<string, string>>, driver: string) =>
      list(new MadeHost({ cards: { [BDF]: { ...NIC, driver, files } } }))[0]?.uses;
    assert.deepEqual(uses({ sriov_numvfs: '2' }, 'igb'), ['2 VFs of it are enabled']);
    assert.deepEqual(uses({ sriov_numvfs: '2' }, 'vfio-pci'), []);
    assert.deepEqual(uses({ boot_vga: '1' }, 'i915'), ["it is the console's display"]);
  });
});

describe('names of pci.ids', () => {
  test('are not taken from subsystems and programming interfaces', () => {
    assert.equal(IDS.device(0x1234, 0x1af4), undefined);
    assert.equal(IDS.device(0xff, 1), undefined);
  });
  test('fall back from the subclass to the base class', () => {
    assert.equal(IDS.className(0x020000), 'Ethernet controller');
    assert.equal(IDS.className(0x068000), 'Bridge');
    assert.equal(IDS.className(0x120000), undefined);
  });
});

test('vfiolab list tells the same as list(), as text and as JSON', { timeout: 60_000 }, async () => {
  const [text, json] = await Promise.all([vfiolab(['list']), vfiolab(['list', '--json'])]);
  assert.equal(text.code, 0, text.stderr);
  assert.equal(json.code, 0, json.stderr);
  assert.deepEqual(JSON.parse(json.stdout), JSON.parse(JSON.stringify(list())));
  assert.match(text.stdout, /^\d+ PCI functions, /);
});

test('vfiolab list --subsystem chooses by subsystem', { timeout: 60_000 }, async () => {
  const [one] = list().filter(({ subsystemVendor }) => subsystemVendor !== undefined);
  const id = (value = 0) => value.toString(16).padStart(4, '0');
  const wanted = `${id(one?.subsystemVendor)}:${id(one?.subsystemDevice)}`;
  const { code, stdout } = await vfiolab(['list', '--subsystem', wanted, '--json']);
  const same = list().filter(
    (each) => each.subsystemVendor === one?.subsystemVendor && each.subsystemDevice === one?.subsystemDevice,
  );
  assert.deepEqual([code, JSON.parse(stdout).map(({ bdf }: { bdf: string }) => bdf)], [0, same.map(({ bdf }) => bdf)]);
  const none = await vfiolab(['list', '--subsystem', 'fffe:fffe']);
  assert.deepEqual([none.code, none.stdout], [0, 'no PCI function is --subsystem fffe:fffe\n']);
});

test("vfiolab list -s and -d choose as lspci's do", { timeout: 120_000 }, async () => {
  const all = list();
  const [one] = all.slice(-1);
  const chosen = async (...options: string[]) => {
    const { code, stdout, stderr } = await vfiolab(['list', ...options, '--json']);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout).map(({ bdf }: { bdf: string }) => bdf);
  };
  const bdfs = (keep: (each: (typeof all)[number]) => boolean) => all.filter(keep).map(({ bdf }) => bdf);
  assert.deepEqual(
    await chosen('-s', one?.bdf ?? '::'),
    bdfs((each) => each === one),
  );
  assert.deepEqual(
    await chosen('-s', '.0'),
    bdfs(({ bdf }) => bdf.endsWith('.0')),
  );
  const vendor = (one?.vendor ?? 0).toString(16);
  assert.deepEqual(
    await chosen('-d', `${vendor}:`),
    bdfs((each) => each.vendor === one?.vendor),
  );
  assert.deepEqual(
    await chosen('-d', '::06xx'),
    bdfs((each) => each.class >> 16 === 0x06),
  );
  const none = await vfiolab(['list', '-s', 'fffe::', '-d', 'fffe:']);
  assert.deepEqual([none.code, none.stdout], [0, 'no PCI function is -s fffe:: -d fffe:\n']);
});
