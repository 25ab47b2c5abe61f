import { PATHS } from '../../api/paths.ts';
import { type Status, statusSchema } from '../../api/status.ts';
import { formatBytes } from '../../base/bytes.ts';
import { several } from '../../base/diagnostic.ts';
import { type Context, control, unwrap } from '../context.ts';
import { age, facts, printable } from '../output/table.ts';
import { paint } from '../output/terminal.ts';

/** `mesh system status`: one screen. The exit status is 1 when a part of pxend complains. */
export async function systemStatus(context: Context): Promise<number> {
  const status = unwrap(await control(context).get(PATHS.status), statusSchema);
  if (context.json) context.terminal.json(status);
  else context.terminal.print(screenOf(context, status));
  return complaints(status).length === 0 ? 0 : 1;
}

function screenOf(context: Context, status: Status): string {
  const { terminal } = context;
  const now = context.now();
  const { network } = status;
  const sections = [
    facts([
      ['pxend', `${status.version}, up ${age(now - status.startedAt)}`],
      ['network', `${network.address}/${network.prefix} on ${network.interface}`],
      ['ports', status.ports.map(({ what, protocol, port }) => `${what} ${protocol}/${port}`).join(', ')],
      ['dhcp', dhcpText(status)],
      ['nodes', countsText(status.nodes) ?? 'none seen yet'],
      ['workloads', status.workloads ? (countsText(status.workloads) ?? 'none') : 'unknown'],
      ['hosts', hostsText(status)],
      ['overlays', `${several(status.overlays.folders, 'machine folder')} served`],
      ['recorder', `${status.capture.machines} machines, ${formatBytes(status.capture.bytes)} in memory`],
    ]),
  ];
  const wrong = complaints(status).map(text => paint(terminal, 'red', printable(text)));
  sections.push(wrong.length === 0 ? paint(terminal, 'green', 'every part is well') : wrong.join('\n'));
  const last = status.problems.map(
    ({ at, node, name, text }) => `  ${age(now - at).padStart(6)} ago  ${name ?? node}: ${printable(text)}`,
  );
  if (last.length > 0) sections.push(['last problems of nodes:', ...last].join('\n'));
  return sections.join('\n\n');
}

function hostsText({ hosts = {}, places = {} }: Status): string {
  const taken = countsText(places);
  return `${countsText(hosts) ?? 'none'}${taken === undefined ? '' : `; places on them: ${taken}`}`;
}

function complaints({ parts }: Status): string[] {
  return Object.entries(parts).flatMap(([name, text]) => (text === null ? [] : [`${name}: ${text}`]));
}

function dhcpText({ dhcp: { mode, leases } }: Status): string {
  return leases ? `${mode}, ${leases.used} of ${leases.pool} addresses in use, ${leases.free} free` : mode;
}

/** `2 up, 1 silent`; undefined when there is nothing. */
function countsText(states: Status['nodes']): string | undefined {
  const counts = Object.entries(states).flatMap(([state, count]) => (count > 0 ? [`${count} ${state}`] : []));
  return counts.length === 0 ? undefined : counts.join(', ');
}
