/** `vfiolab [repl] [SPEC]`: the prompt, loaded only when it is wanted. */
import type { Call } from './command.js';

export async function repl(call: Call): Promise<number> {
  const spec = call.operands[0] ?? (process.env.VFIOLAB_DEVICE || 'sim:edu');
  const { runPrompt } = await import('../prompt.js');
  return await runPrompt({ spec, signal: call.signal });
}
