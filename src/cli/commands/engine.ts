import { CAPABILITIES, ENGINE_LIMITS, ENGINES } from '../../domain/vm/capabilities.ts';
import { limitsOf } from '../../domain/vm/reference.ts';
import type { Context } from '../context.ts';
import { table } from '../output/table.ts';

/** `mesh engine list`: what workloads can be run with, and what each engine can do. Needs no pxend. */
export async function engineList({ json, terminal }: Context): Promise<number> {
  if (json) terminal.json({ engines: ENGINES.map(engineView), capabilities: CAPABILITIES });
  else terminal.print([engines(), capabilities(), limits()].join('\n\n'));
  return 0;
}

function engineView(engine: (typeof ENGINES)[number]): object {
  const { about, runs } = ENGINE_LIMITS[engine];
  return { engine, runs, about, limits: limitsOf(engine) };
}

function engines(): string {
  const rows = ENGINES.map(engine => [engine, ENGINE_LIMITS[engine].runs, ENGINE_LIMITS[engine].about]);
  return table(['ENGINE', 'RUNS', 'WHAT IT IS'], rows);
}

function capabilities(): string {
  const rows = CAPABILITIES.map(({ engines: support, what }) => [
    what,
    ...ENGINES.map(engine => (support[engine] === true ? 'yes' : 'no')),
  ]);
  return table(['CAPABILITY', ...ENGINES.map(engine => engine.toUpperCase())], rows);
}

function limits(): string {
  const rows = ENGINES.flatMap(engine => limitsOf(engine).map(limit => [engine, limit]));
  return table(['ENGINE', 'LIMIT'], rows);
}
