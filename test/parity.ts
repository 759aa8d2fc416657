/**
 * What other tools for the same work can do, row by row: the calls here that do it, and the test that runs them. A row is here when it is
 * true; parity.test.ts holds that the calls and the tests exist, and that what depends on the kernel runs on the kernel's own VFIO.
 */
import { BAD_INPUTS } from './parity/bad-inputs.js';
import { DPDK } from './parity/dpdk.js';
import { IXY } from './parity/ixy.js';
import { LOVED } from './parity/loved.js';
import { OPAE } from './parity/opae.js';
import type { Row } from './parity/row.js';
import { VFIO } from './parity/vfio.js';
import { WANTED } from './parity/wanted.js';

export const PARITY: Readonly<Record<string, readonly Row[]>> = {
  OPAE,
  ixy: IXY,
  'Linux VFIO': VFIO,
  DPDK,
  'what users of other tools love': LOVED,
  'what people asked for': WANTED,
  'inputs that break others': BAD_INPUTS,
};
