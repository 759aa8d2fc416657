/** `vfiolab [repl] [SPEC]`: the prompt, or a script where there is code to run and no terminal; loaded only when it is wanted. */
import type { Call } from './command.js';

export async function repl(call: Call): Promise<number> {
  const spec = call.operands[0] ?? (process.env.VFIOLAB_DEVICE || 'sim:edu');
  const file = call.values.get('prelude');
  const cells = file === undefined ? [] : (await import('../recipe.js')).cellsOf(file);
  const code = call.values.get('eval');
  const interactive = process.stdin.isTTY && process.stdout.isTTY && code === undefined;
  const { runPrompt, scriptKernel } = await import('../prompt.js');
  if (interactive) return runPrompt({ spec, cells, plain: call.flags.has('plain') });
  const { prelude } = await import('../prelude.js');
  const { runScript } = await import('../script.js');
  return runScript(await scriptKernel(), [prelude(spec), ...cells, code], call.signal);
}
