/** `vfiolab [repl] [SPEC]`: the prompt, or a script where there is code to run and no terminal; loaded only when it is wanted. */
import type { Call } from './command.js';

export async function repl(call: Call): Promise<number> {
  const existing = call.flags.has('existing');
  const [operand] = call.operands;
  const spec = operand ?? (process.env.VFIOLAB_DEVICE || 'sim:edu');
  const file = call.values.get('prelude');
  const cells = file === undefined ? [] : (await import('../recipe.js')).cellsOf(file);
  const code = call.values.get('eval');
  const interactive = process.stdin.isTTY && process.stdout.isTTY && code === undefined;
  const plain = call.flags.has('plain');
  const caretaker = interactive && !plain ? (await import('../caretaker.js')).caretaker() : undefined;
  const { joinKernel, runPrompt, scriptKernel } = await import('../prompt.js');
  const joined = existing ? await joinKernel(operand) : undefined;
  if (interactive) return runPrompt({ on: joined ?? spec, cells, plain, caretaker });
  const { runScript } = await import('../script.js');
  if (joined) return runScript(joined, [...cells, code], call.signal);
  const { prelude } = await import('../prelude.js');
  return runScript(await scriptKernel(), [prelude(spec), ...cells, code], call.signal);
}
