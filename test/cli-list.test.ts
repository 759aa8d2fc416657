/** `vfiolab list`: on a sysfs tree made here, and on this machine's own. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { parsePciIds } from '../lib/host/ids.js';
import { listPci, listView } from '../lib/host/list.js';
import { vfiolab } from './vfiolab.js';

const root = mkdtempSync(join(tmpdir(), 'vfiolab-list-'));
after(() => rmSync(root, { recursive: true }));

interface Made {
  readonly id: readonly [vendor: string, device: string];
  readonly class: string;
  readonly driver?: string;
  readonly group?: number;
  readonly numa?: string;
}

/** A host: its /sys and /dev with these functions, and a node for each of `nodes`. */
function host(name: string, functions: Readonly<Record<string, Made>>, nodes: readonly number[] = []) {
  const [sys, dev] = [join(root, name, 'sys'), join(root, name, 'dev')];
  for (const [bdf, made] of Object.entries(functions)) {
    const folder = join(sys, 'bus/pci/devices', bdf);
    mkdirSync(folder, { recursive: true });
    const [vendor, device] = made.id;
    const attributes = { vendor, device, class: made.class, revision: '0x10', numa_node: made.numa ?? '-1' };
    for (const [attribute, value] of Object.entries(attributes)) writeFileSync(join(folder, attribute), `${value}\n`);
    if (made.driver) symlinkSync(`../../../../bus/pci/drivers/${made.driver}`, join(folder, 'driver'));
    if (made.group !== undefined)
      symlinkSync(`../../../kernel/iommu_groups/${made.group}`, join(folder, 'iommu_group'));
  }
  mkdirSync(join(dev, 'vfio'), { recursive: true });
  for (const node of nodes) writeFileSync(join(dev, 'vfio', String(node)), '');
  return { sys, dev, ids: IDS };
}

const IDS = parsePciIds(`# pci.ids
1234  Technical Corp.
\t11e8  QEMU edu
\t\t1af4 1100  a subsystem, not a device
8086  Intel Corporation
\t100e  82540EM Gigabit Ethernet Controller
C 02  Network controller
\t00  Ethernet controller
C 06  Bridge
C ff  Unassigned class
\t00  a subclass
\t\t01  a programming interface
`);

const EDU: Made = { id: ['0x1234', '0x11e8'], class: '0x00ff00' };
const NIC: Made = { id: ['0x8086', '0x100e'], class: '0x020000' };
const BRIDGE: Made = { id: ['0x1b36', '0x000c'], class: '0x060400' };

describe('the functions of a host', () => {
  test('are told with their names, driver, group and NUMA node', () => {
    const roots = host('whole', { '0000:01:00.0': { ...NIC, driver: 'e1000', group: 7, numa: '1' } });
    assert.deepEqual(listPci(roots), [
      {
        bdf: '0000:01:00.0',
        class: 0x020000,
        className: 'Ethernet controller',
        vendor: 0x8086,
        vendorName: 'Intel Corporation',
        device: 0x100e,
        deviceName: '82540EM Gigabit Ethernet Controller',
        revision: 0x10,
        driver: 'e1000',
        group: 7,
        numa: 1,
        vfio: { usable: false, reason: 'bound to e1000' },
      },
    ]);
  });

  test('come in BDF order, domains above four digits last', () => {
    const roots = host('order', {
      '10001:80:05.0': NIC,
      'ffff:00:00.0': NIC,
      '0000:0a:00.0': NIC,
      '0000:02:1f.1': NIC,
    });
    const order = listPci(roots).map((one) => one.bdf);
    assert.deepEqual(order, ['0000:02:1f.1', '0000:0a:00.0', 'ffff:00:00.0', '10001:80:05.0']);
  });

  test('have numbers only, where pci.ids does not know them', () => {
    const [one] = listPci({ ...host('ids', { '0000:01:00.0': EDU }), ids: parsePciIds('') });
    assert.equal(one?.vendorName, undefined);
    assert.equal(one?.className, undefined);
    assert.match(String(listView(one ? [one] : [])), /0000:01:00\.0 +00ff00 +1234:11e8 +-/);
  });

  test('are none where the kernel shows no PCI bus, and that is said', () => {
    const none = listPci({ sys: join(root, 'absent') });
    assert.deepEqual(none, []);
    assert.match(String(listView(none)), /\/sys\/bus\/pci shows no device/);
  });
});

describe('what VFIO can open', () => {
  const vfio = { driver: 'vfio-pci' };
  const roots = host(
    'vfio',
    {
      '0000:00:00.0': BRIDGE,
      '0000:01:00.0': { ...EDU, ...vfio, group: 1 },
      '0000:02:00.0': { ...EDU, ...vfio, group: 2 },
      '0000:03:00.0': { ...EDU, ...vfio, group: 3 },
      '0000:03:00.1': { ...NIC, driver: 'e1000', group: 3 },
      '0000:04:00.0': { ...EDU, ...vfio, group: 4 },
      '0000:04:00.1': { ...BRIDGE, driver: 'pcieport', group: 4 },
      '0000:05:00.0': { ...EDU, ...vfio },
      '0000:06:00.0': { ...EDU, group: 6 },
    },
    [1, 3, 4],
  );
  const reasons = Object.fromEntries(listPci(roots).map((one) => [one.bdf, one.vfio]));
  const no = (reason: string) => ({ usable: false, reason });

  for (const [bdf, state] of Object.entries({
    '0000:00:00.0': no('a bridge'),
    '0000:01:00.0': { usable: true, reason: 'ready' },
    '0000:02:00.0': no(`no permission for ${join(roots.dev, 'vfio/2')}`),
    '0000:03:00.0': no('group shared with 0000:03:00.1 (e1000)'),
    '0000:03:00.1': no('bound to e1000'),
    '0000:04:00.0': { usable: true, reason: 'ready' },
    '0000:05:00.0': no('no IOMMU group'),
    '0000:06:00.0': no('no driver'),
  })) {
    test(`${bdf}: ${state.reason.replace(root, '')}`, () => assert.deepEqual(reasons[bdf], state));
  }

  test('is counted in the title', () => {
    assert.match(String(listView(listPci(roots))), /^9 PCI functions, 2 usable with VFIO\n/);
  });

  test('is nothing without an IOMMU, and the title says how to have one', () => {
    const dark = listPci(host('dark', { '0000:01:00.0': NIC }));
    assert.match(String(listView(dark)), /^1 PCI functions, none usable with VFIO; no IOMMU is on: .*intel_iommu=on/);
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

test('vfiolab list tells the same as listPci, as text and as JSON', { timeout: 60_000 }, async () => {
  const [text, json] = await Promise.all([vfiolab(['list']), vfiolab(['list', '--json'])]);
  assert.equal(text.code, 0, text.stderr);
  assert.equal(json.code, 0, json.stderr);
  assert.deepEqual(JSON.parse(json.stdout), JSON.parse(JSON.stringify(listPci())));
  assert.match(text.stdout, /^\d+ PCI functions, /);
});
