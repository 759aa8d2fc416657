/** `enableVfs` on machines made here: what is written, and what is refused before. The kernel's own answers: test/vm/inside/sriov.ts. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { type LabError, SystemError, UsageError } from '../lib/errors.js';
import { enableVfs } from '../lib/host/sriov.js';
import { ALICE, DISK, MadeHost, type Machine, placeOf } from './host/machine.js';

const PF = '0000:02:00.0';
const VFS = ['0000:02:00.1', '0000:02:00.2'];
const PARAMETER = '/sys/module/vfio_pci/parameters/enable_sriov';

/** A drive with room for twelve VFs, on vfio-pci; its VFs as they are once enabled. */
function machine(now: number, more: Partial<Machine> = {}, driver = 'vfio-pci'): MadeHost {
  const files = { sriov_totalvfs: '12', sriov_numvfs: String(now) };
  const card = { ...DISK, group: 7, files, ...(driver !== '' && { driver }) };
  const links = Object.fromEntries(
    VFS.slice(0, now).flatMap((vf, i) => [
      [`${placeOf(PF)}/virtfn${i}`, placeOf(vf)],
      [`${placeOf(vf)}/physfn`, placeOf(PF)],
    ]),
  );
  const vfs = VFS.slice(0, now).map((vf, i) => [vf, { ...DISK, driver: 'vfio-pci', group: 20 + i }]);
  return new MadeHost({
    cards: { [PF]: card, ...Object.fromEntries(vfs) },
    ...more,
    links: { ...links, ...more.links },
  });
}

test('the number is written once, and the VFs come back in order', () => {
  const host = machine(0, { files: { [PARAMETER]: 'Y' } });
  enableVfs('02:00.0', 2, host);
  assert.deepEqual(host.acts, [`2 >/sys/bus/pci/devices/${PF}/sriov_numvfs`]);
  const enabled = machine(2);
  assert.deepEqual(enableVfs(PF, 2, enabled), VFS);
  assert.deepEqual(enabled.acts, [], 'they are there already');
  enableVfs(PF, 0, enabled);
  assert.deepEqual(enabled.acts, [`0 >/sys/bus/pci/devices/${PF}/sriov_numvfs`]);
});

const held = { '/proc/77/cmdline': 'qemu\0-vm', '/proc/77/comm': 'qemu', '/dev/vfio/20': '' };
const openVf = machine(2, { files: held, links: { '/proc/77/fd/9': '/dev/vfio/20' } });
openVf.link = (path) => (path === '/proc/77/fd/9' ? '/dev/vfio/20' : MadeHost.prototype.link.call(openVf, path));
const cases: [string, bdf: string, count: number, MadeHost, typeof LabError, RegExp][] = [
  ['no device', '0000:09:00.0', 1, machine(0), SystemError, /there is no such device \(ENOENT\); .*lspci/],
  ['a malformed BDF', '2:0', 1, machine(0), UsageError, /not a BDF/],
  ['no SR-IOV', PF, 1, new MadeHost({ cards: { [PF]: DISK } }), UsageError, /has no SR-IOV/],
  [
    'a VF',
    VFS[0] ?? '',
    1,
    machine(1),
    UsageError,
    /a virtual function of 0000:02:00\.0; .*enableVfs\('0000:02:00\.0', 1\)/,
  ],
  ['too many', PF, 13, machine(0), UsageError, /13 VFs; it can have 0 to 12/],
  ['half a VF', PF, 0.5, machine(0), UsageError, /0\.5 VFs; it can have 0 to 12/],
  [
    'another number',
    PF,
    1,
    machine(2),
    UsageError,
    /it has 2 VFs, and goes to 1 by way of 0; enableVfs\('0000:02:00\.0', 0\) first/,
  ],
  [
    'no driver',
    PF,
    1,
    machine(0, {}, ''),
    SystemError,
    /no driver has the device.*\(ENOENT\); bind it: vfiolab bind 0000:02:00\.0/,
  ],
  [
    'vfio-pci not allowed',
    ...([PF, 1, machine(0, { files: { [PARAMETER]: 'N' } }), SystemError] as const),
    /vfio-pci may not enable SR-IOV \(ENOENT\); allow it: echo 1 \| sudo tee \/sys\/module\/vfio_pci\/parameters\/enable_sriov/,
  ],
  [
    'a VF that is open',
    ...([PF, 0, openVf, SystemError] as const),
    /0000:02:00\.1: enableVfs: it is open: by process 77 \(qemu -vm\) \(EBUSY\); close it there first/,
  ],
];
for (const [what, bdf, count, host, kind, words] of cases) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => enableVfs(bdf, count, host),
      (error) => error instanceof kind && words.test(error.message),
    );
    assert.deepEqual(host.acts, [], 'nothing was written');
  });
}

test('what the kernel refuses is said with the line, and who may do it', () => {
  class Denied extends MadeHost {
    override write(): void {
      throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
    }
  }
  const files = { sriov_totalvfs: '2', sriov_numvfs: '0' };
  const host = new Denied({
    cards: { [PF]: { ...DISK, driver: 'nvme', files } },
    files: { '/proc/self/status': ALICE },
  });
  assert.throws(
    () => enableVfs(PF, 2, host),
    /echo 2 >\/sys\/bus\/pci\/devices\/\S+: only root may \(EACCES\); .*sudo/,
  );
});
