import { workloadOutputPath } from '../../../api/paths.ts';
import { type Context, control, errorOf } from '../../context.ts';
import { GuestLines, GuestOutput } from '../../output/guest.ts';
import { jsonText } from '../../output/terminal.ts';
import { chooseOne, listWorkloads } from './choose.ts';

export interface LogsOptions {
  readonly workloads: readonly string[];
  /** What the guest wrote to its serial console, instead of the engine's own log. */
  readonly serial: boolean;
  /** From the end. */
  readonly lines: number;
  /** Wait for more. */
  readonly follow: boolean;
  /** Escape sequences and all, also on a terminal. */
  readonly raw: boolean;
}

/** `mesh workload logs`: bytes as they are into files and pipes; on a terminal nothing of a guest may steer it. */
export async function workloadLogs(context: Context, options: LogsOptions): Promise<number> {
  const { json, terminal } = context;
  const { name } = chooseOne(await listWorkloads(context), options.workloads);
  const query = new URLSearchParams({
    of: options.serial ? 'serial' : 'log',
    lines: String(options.lines),
    follow: options.follow ? '1' : '0',
  });
  const output = json
    ? new GuestLines(line => terminal.print(jsonText({ workload: name, line })))
    : new GuestOutput(terminal, { stream: 'stdout', raw: options.raw });
  const refused = await control(context).getParts(
    `${workloadOutputPath(name)}?${query}`,
    part => output.take(part),
    options.follow ? 0 : undefined,
  );
  if (refused) throw errorOf(refused);
  output.end();
  return 0;
}
