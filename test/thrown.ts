/** What `act` throws, as one of ours. */
import assert from 'node:assert/strict';
import { LabError } from '../lib/errors.js';

export function thrown(act: () => unknown): LabError {
  try {
    act();
  } catch (error) {
    if (error instanceof LabError) return error;
    throw error;
  }
  return assert.fail('nothing was thrown');
}
