/**
 * In the guest: an NVMe drive's virtual functions (VFs), and the token that they share with the physical one (PF). EDU and NVME are
 * bound to vfio-pci.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { openIommufd } from '../../../lib/backends/iommufd.js';
import { doctor, enableVfs, LabError, open, UsageError } from '../../../lib/index.js';
import { EDU, NVME, NVME_VFS } from '../cards.js';
import { CHECKOUT } from '../guest.js';
import { held } from './held.js';
import { PATHS } from './paths.js';

const TOKEN = '00112233-4455-6677-8899-aabbccddeeff';
const WRONG = 'ffeeddcc-bbaa-9988-7766-554433221100';
const [VF] = NVME_VFS;

/** How opening ends: 'open', or what was thrown. */
function opening(spec: string, vfToken: string | undefined): string {
  try {
    open(spec, { vfToken }).close();
    return 'open';
  } catch (error) {
    assert.ok(error instanceof LabError);
    return error.message;
  }
}

const CLI = join(CHECKOUT, 'dist', 'repl', 'cli.js');
const vfiolab = (...words: string[]): { stdout: string; stderr: string } =>
  spawnSync(process.execPath, [CLI, ...words], { encoding: 'utf8' });

test('tokens that the kernel need not see are refused before', () => {
  for (const path of PATHS) {
    for (const bad of ['', 'secret', `${TOKEN}0`, TOKEN.replaceAll('-', ''), ` ${TOKEN}`, 7 as never]) {
      assert.throws(
        () => open(`${path}:${NVME}`, { vfToken: bad }),
        (error) => error instanceof UsageError && /malformed VF token '.*'; .*crypto\.randomUUID/.test(error.message),
      );
    }
    assert.match(opening(`${path}:${EDU}`, TOKEN), /has no SR-IOV, and so takes no VF token; leave vfToken out$/);
  }
  assert.match(opening('sim:edu', TOKEN), /a simulated card has no SR-IOV; leave vfToken out$/);
});

test('vfio-pci enables VFs only where it was told that it may', () => {
  assert.throws(() => enableVfs(NVME, 2), /vfio-pci may not enable SR-IOV \(ENOENT\); .*enable_sriov$/);
  // As the kernel itself says it.
  assert.throws(() => writeFileSync(`/sys/bus/pci/devices/${NVME}/sriov_numvfs`, '2'), { code: 'ENOENT' });
  writeFileSync('/sys/module/vfio_pci/parameters/enable_sriov', '1');
});

/** Without the iommufd path, as on a kernel that has none: a plain BDF takes the group then. */
function groupOnly(act: () => void): void {
  const [node, away] = ['/dev/iommu', '/dev/iommu.away'];
  const there = existsSync(node);
  if (there) renameSync(node, away);
  try {
    act();
  } finally {
    if (there) renameSync(away, node);
  }
}

/** What the doctor finds wrong. */
const ill = (bdf: string, vfToken?: string): string[] =>
  doctor(bdf, { vfToken }).wrong.map(({ about, text }) => `${about}: ${text}`);

/** The doctor's command, in a shell that knows `vfiolab`; what it prints opens the VF. */
function cured(bdf: string): string {
  const folder = '/run/vfiolab-bin';
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/vfiolab`, `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`, { mode: 0o755 });
  const command = doctor(bdf).cures.at(-1) ?? '';
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
  const { stdout, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8', env });
  return /^open\('0000:02:00\.1', \{ vfToken: '([0-9a-f-]{36})' \}\)$/m.exec(stdout)?.[1] ?? stderr;
}

for (const path of PATHS) {
  test(`${path}: VFs are enabled, and are open to who has the token of their PF`, () => {
    const pf = open(`${path}:${NVME}`, { vfToken: TOKEN });
    if (path === 'iommufd') assert.ok(pf.features().some(({ name, set }) => name === 'PCI_VF_TOKEN' && set));
    assert.deepEqual(enableVfs(NVME, 2), NVME_VFS);
    assert.throws(() => enableVfs(NVME, 1), /goes to 1 by way of 0/);
    const none = opening(`${path}:${VF}`, undefined);
    // Before Linux 6.18 only the group path asks for tokens.
    if (path === 'group' || none !== 'open') {
      assert.match(none, /takes a VF token, and none was given \(EACCES\); .*PF 0000:02:00\.0.*vfToken: '…'/);
      assert.match(opening(`${path}:${VF}`, WRONG), /the VF token is a wrong one \(EACCES\); .*PF 0000:02:00\.0/);
    }
    const vf = open(`${path}:${VF}`, { vfToken: TOKEN.toUpperCase(), iommuOf: pf });
    assert.deepEqual([vf.identity.vendor, vf.identity.device], [pf.identity.vendor, pf.identity.device]);
    if (path === 'group') {
      const VF2 = `group:${NVME_VFS[1]}`;
      const peeked = vfiolab('peek', VF2, 'bar0+0x8', '--vf-token', TOKEN);
      assert.equal(
        peeked.stdout,
        `0x${vf.bar(0).read32(8).toString(16).padStart(8, '0')}  ${vf.bar(0).read32(8)}\n`,
        peeked.stderr,
      );
      assert.match(vfiolab('peek', VF2, 'bar0+0x8').stderr, /takes a VF token, and none was given \(EACCES\)/);
    }
    // Past what this process knows, to the kernel: the token is the right one, and still EINVAL.
    if (path === 'iommufd')
      assert.throws(() => openIommufd(VF, { vfToken: TOKEN }), /it is already open: by .*\(EINVAL\)/);
    const buf = vf.dma(4096);
    assert.notEqual(pf.dma(4096).iova, buf.iova);
    assert.throws(
      () => pf.hotReset(),
      /a physical function while it has virtual ones: 0000:02:00\.1 \(group \d+\), 0000:02:00\.2/,
    );
    pf.close();
    // Now the VF is in use, and the PF is asked for its token.
    for (const [vfToken, words] of [
      [undefined, /takes a VF token, and none was given \(EACCES\); .*its VFs are in use with/],
      [WRONG, /the VF token is a wrong one \(EACCES\)/],
      [TOKEN, /^open$/],
    ] as const) {
      assert.match(opening(`group:${NVME}`, vfToken), words);
    }
    groupOnly(() => {
      assert.match(ill(NVME).join(), /^VF token: its VFs are in use with one: .*process \d+ \(.*\) has it in use/);
      assert.deepEqual(ill(NVME, TOKEN), []);
    });
    // The kernel would wait for it, and this process with it.
    assert.throws(() => enableVfs(NVME, 0), /0000:02:00\.1: enableVfs: it is open: by process \d+ .*\(EBUSY\)/);
    vf.close();
    groupOnly(() => {
      assert.match(opening(VF, undefined), /none was given \(EACCES\)/);
      assert.deepEqual(ill(VF), [`VF token: a VF of ${NVME}: open() takes the VF token that ${NVME} was opened with`]);
      if (path !== 'group') return;
      const vfToken = cured(VF);
      assert.deepEqual(ill(VF, vfToken), []);
      assert.equal(opening(VF, vfToken), 'open', vfToken);
    });
    // Where no token is asked for the doctor says so.
    assert.equal(ill(VF).length === 0, opening(VF, undefined) === 'open');
    assert.deepEqual(enableVfs(NVME, 0), []);
    assert.deepEqual(held(), []);
  });
}
