/** Binding to an iommufd as kernels before and since Linux 6.18 take it: where the VF token goes. The guest's kernel is one of them. */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, test } from 'node:test';
import { bind } from '../lib/backends/iommufd.js';
import { LabError } from '../lib/errors.js';
import { bytesAt, libc } from '../lib/native.js';
import { BIND_IOMMUFD, DEVICE_FEATURE, FEATURE, FLAG, IOCTL } from '../lib/uapi.js';

const TOKEN = '00112233-4455-6677-8899-aabbccddeeff';
const BYTES = '00112233445566778899aabbccddeeff';
const [BDF, GROUP, DEVICE, IOMMUFD, DEVID] = ['0000:77:00.0', 7777, 70_001, 70_002, 5] as const;
const { EACCES, EBUSY, EINVAL } = constants.errno;

interface Kernel {
  /** Knows VFIO_DEVICE_BIND_FLAG_TOKEN. */
  readonly takesToken: boolean;
  /** What the device asks for. */
  readonly asks?: string;
  /** Somebody has the device: said once the token is the right one. */
  readonly taken?: boolean;
  /** Whatever is asked. */
  readonly always?: number;
}

/** Binds on such a kernel: the device's id or the error's message, and what the kernel was asked. */
function binding(kernel: Kernel, token: string | undefined): { result: number | string; asked: string[] } {
  const real = libc();
  const { ioctl } = real;
  const asked: string[] = [];
  real.ioctl = (fd, request, argument) => {
    assert.equal(fd, DEVICE);
    const bytes = argument as Uint8Array;
    if (request === IOCTL.VFIO_DEVICE_FEATURE) {
      const { flags } = DEVICE_FEATURE.unpack(bytes);
      assert.equal(flags, FLAG.VFIO_DEVICE_FEATURE_SET | FEATURE.VFIO_DEVICE_FEATURE_PCI_VF_TOKEN);
      asked.push(`feature ${Buffer.from(bytes.subarray(DEVICE_FEATURE.size)).toString('hex')}`);
      return 0;
    }
    assert.equal(request, IOCTL.VFIO_DEVICE_BIND_IOMMUFD);
    const { argsz, flags, iommufd, token_uuid_ptr } = BIND_IOMMUFD.unpack(bytes);
    assert.deepEqual([argsz, iommufd], [24, IOMMUFD]);
    const told = flags & FLAG.VFIO_DEVICE_BIND_FLAG_TOKEN ? bytesAt(Number(token_uuid_ptr), 16) : undefined;
    const hex = told === undefined ? undefined : Buffer.from(told).toString('hex');
    asked.push(hex === undefined ? 'bind' : `bind ${hex}`);
    if (kernel.always !== undefined) return -kernel.always;
    if (flags !== 0 && !kernel.takesToken) return -EINVAL;
    if (kernel.asks !== undefined && hex !== kernel.asks) return -EACCES;
    if (kernel.taken) return -EINVAL;
    bytes.set(BIND_IOMMUFD.pack({ argsz, flags, iommufd, out_devid: DEVID, token_uuid_ptr }));
    return 0;
  };
  try {
    return { result: bind(BDF, GROUP, DEVICE, IOMMUFD, token), asked };
  } catch (error) {
    assert.ok(error instanceof LabError, String(error));
    return { result: error.message, asked };
  } finally {
    real.ioctl = ioctl;
  }
}

describe('a kernel that takes the token when it binds', () => {
  test('is told it there, in the order of its text', () => {
    const { result, asked } = binding({ takesToken: true, asks: BYTES }, TOKEN);
    assert.deepEqual([result, asked], [DEVID, [`bind ${BYTES}`]]);
  });
  test('none and a wrong one are told apart', () => {
    const none = binding({ takesToken: true, asks: BYTES }, undefined);
    assert.match(
      String(none.result),
      /VFIO_DEVICE_BIND_IOMMUFD: it takes a VF token, and none was given \(EACCES\); .*vfToken/,
    );
    const wrong = binding({ takesToken: true, asks: BYTES }, TOKEN.replace('00', 'ff'));
    assert.match(String(wrong.result), /the VF token is a wrong one \(EACCES\)/);
    assert.equal(wrong.asked.length, 1, 'a wrong token is not tried without');
  });
  test('a device that is open already is said to be so, not that the token is wrong', () => {
    const { result } = binding({ takesToken: true, asks: BYTES, taken: true }, TOKEN);
    assert.match(String(result), /it is already open: .*\(EINVAL\)/);
  });
});

describe('a kernel that does not', () => {
  test('is told a PF’s token as a feature, once it is bound', () => {
    const { result, asked } = binding({ takesToken: false }, TOKEN);
    assert.deepEqual([result, asked], [DEVID, [`bind ${BYTES}`, 'bind', `feature ${BYTES}`]]);
  });
  test('is asked for nothing where there is no token', () => {
    assert.deepEqual(binding({ takesToken: false }, undefined), { result: DEVID, asked: ['bind'] });
  });
});

test('a device that is open already says so, with a token and without', () => {
  for (const token of [undefined, TOKEN]) {
    for (const takesToken of [true, false]) {
      const { result } = binding({ takesToken, always: EINVAL }, token);
      assert.match(String(result), /VFIO_DEVICE_BIND_IOMMUFD: it is already open: .*\(EINVAL\)/);
    }
    assert.match(String(binding({ takesToken: true, always: EBUSY }, token).result), /it is already open: .*\(EBUSY\)/);
  }
});
