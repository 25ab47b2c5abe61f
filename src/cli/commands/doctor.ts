import type { Context } from '../context.ts';
import { examine } from '../doctor/examine.ts';
import { printable } from '../output/table.ts';
import { paint } from '../output/terminal.ts';

/** `mesh system doctor`: what keeps machines from booting, with or without a running pxend. Exit 1 when anything fails. */
export async function systemDoctor(context: Context): Promise<number> {
  const { terminal, json } = context;
  const findings = await examine(context);
  const failed = findings.some(finding => finding.level === 'fail');
  if (json) terminal.json({ ok: !failed, findings });
  for (const { level, check, text, todo } of json ? [] : findings) {
    terminal.print(
      `${paint(terminal, COLOURS[level], level.padEnd(4))}  ${check.padEnd(WIDTH)}  ${printable(text)}`,
    );
    if (todo !== undefined) terminal.print(`      ${' '.repeat(WIDTH)}  ${printable(todo)}`);
  }
  return failed ? 1 : 0;
}

const COLOURS = { ok: 'green', warn: 'yellow', fail: 'red' } as const;
const WIDTH = 15;
