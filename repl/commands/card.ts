/** The card of a one-shot command: opened for one look, beside whoever has it open. */
import { open } from '../../lib/open.js';
import type { Call } from './command.js';

export function openCard(call: Call, spec: string): ReturnType<typeof open> {
  return open(spec, { share: 'join', vfToken: call.values.get('vf-token') });
}
