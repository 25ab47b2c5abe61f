import type { WorkloadView } from '../../api/workloads.ts';
import { formatBytes } from '../../base/bytes.ts';
import { several } from '../../base/diagnostic.ts';
import { parseIpv4 } from '../../base/ipv4.ts';
import { type AddressTranslation, translated } from '../../domain/placement/host.ts';
import { formatQuality } from '../../domain/workload/quality.ts';
import type {
  ConsoleStatus,
  GuestStatus,
  NicStatus,
  Takes,
  Usage,
  VolumeStatus,
} from '../../domain/workload/status.ts';
import type { Context } from '../context.ts';
import { guestLine } from './guest.ts';
import { costText } from './placement.ts';
import { age, ago, facts, paintColumn, table } from './table.ts';
import { paint } from './terminal.ts';

const HEAD = ['NAME', 'NODE', 'STATE', 'CONSOLE', 'CPU', 'MEMORY', 'SINCE', 'NOTE'];

const COLOURS = {
  running: 'green',
  starting: 'yellow',
  paused: 'yellow',
  stopping: 'yellow',
  returning: 'yellow',
  ended: 'red',
  lost: 'red',
  stopped: 'dim',
} as const satisfies Record<WorkloadView['state'], string>;

/** `mesh workload list`. */
export function workloadTable(context: Context, workloads: readonly WorkloadView[]): string {
  const rows = workloads.map(view => row(view, context.now()));
  return paintColumn(table(HEAD, rows), 'STATE', state =>
    paint(context.terminal, COLOURS[state as WorkloadView['state']], state),
  );
}

function row(view: WorkloadView, now: number): string[] {
  const told = toldNow(view);
  const { cpuPercent, memoryBytes } = told?.usage ?? {};
  const since = sinceOf(view);
  return [
    view.name,
    view.nodeName ?? view.node ?? '-',
    view.state,
    told && told.state !== 'ended' ? shortConsole(told.console) : '-',
    cpuPercent === undefined ? '-' : `${Math.round(cpuPercent)} %`,
    memoryBytes === undefined ? '-' : formatBytes(memoryBytes),
    since === undefined ? '-' : age(now - since),
    noteOf(view),
  ];
}

/** What the node said, if that is still so: of a lost workload it is a memory. */
function toldNow({ state, status }: WorkloadView): WorkloadView['status'] {
  return status?.state === state ? status : undefined;
}

/** A lost one is so since its node was last heard. */
function sinceOf(view: WorkloadView): number | undefined {
  return view.state === 'lost' ? view.reportedAt : toldNow(view)?.since;
}

function shortConsole({ type, port }: ConsoleStatus): string {
  const words = { 'serial-tcp': 'serial', 'serial-socket': 'socket', vnc: 'vnc' } as const;
  return port === undefined ? words[type] : `${words[type]} ${port}`;
}

function noteOf(view: WorkloadView): string {
  if (view.problem !== undefined) return view.problem;
  const told = toldNow(view);
  if (told?.problem !== undefined) return told.problem;
  if (told?.end) return told.end.reason;
  if (view.problems.length > 0)
    return `${several(view.problems.length, 'problem')} in its file: mesh workload validate ${view.file ?? view.name}`;
  if (view.file === undefined) return 'its file is gone';
  return view.changed === true ? 'its file was changed after the start' : '';
}

/** How to get to the node of a workload. */
export interface Reach {
  /** Of the node, if that is known. */
  readonly address?: string | undefined;
  /** Of the host: guests are behind it. */
  readonly translation?: AddressTranslation | undefined;
}

/** `mesh workload status`: one workload in full. */
export function workloadInFull(context: Context, view: WorkloadView, reach: Reach): string {
  const now = context.now();
  const sections = [facts([...identityOf(view, now), ...machineOf(view, reach), ...troubleOf(view, now)])];
  const output = toldNow(view)?.end?.output.trimEnd() ?? '';
  if (output !== '')
    sections.push(['its last output:', ...output.split('\n').map(line => `  ${guestLine(line)}`)].join('\n'));
  return sections.join('\n\n');
}

type Pairs = (readonly [string, string])[];

function identityOf(view: WorkloadView, now: number): Pairs {
  const { name, node, nodeName, uuid } = view;
  return [
    ['workload', uuid === undefined ? name : `${name} (${uuid})`],
    ['state', stateText(view, now)],
    ['node', nodeName === undefined ? (node ?? '-') : `${nodeName} (${node ?? '-'})`],
    ...(view.host === undefined ? [] : [['host', hostText(view.host, view.cost)] as const]),
    ['wanted', view.desired ?? 'it was never started'],
    ['file', fileText(view)],
  ];
}

function hostText(host: string, cost: WorkloadView['cost']): string {
  return cost === undefined ? host : `${host}, costs ${costText(cost)} with all that is on it`;
}

function stateText(view: WorkloadView, now: number): string {
  const since = sinceOf(view);
  if (view.state === 'lost')
    return since === undefined ? 'lost: not heard of yet' : `lost: last heard of ${ago(now - since)}`;
  if (view.state === 'returning')
    return 'returning: its node came back without it, so it is being started again';
  return since === undefined
    ? view.state
    : `${view.state} since ${new Date(since).toISOString()} (${age(now - since)})`;
}

function fileText({ changed, file }: WorkloadView): string {
  if (file === undefined) return 'gone';
  return changed === true ? `${file}, changed after the start` : file;
}

function machineOf(view: WorkloadView, reach: Reach): Pairs {
  const { state, status } = view;
  if (!status || state === 'stopped' || state === 'returning') return [];
  const alive = toldNow(view) !== undefined && state !== 'ended';
  const engine = [
    status.accel === undefined ? status.engine : `${status.engine} with ${status.accel}`,
    ...(alive && status.pid !== undefined ? [`pid ${status.pid}`] : []),
  ];
  return [
    ['engine', engine.join(', ')],
    ...(alive ? [['console', consoleText(view.name, status.console, reach)] as const] : []),
    ...status.volumes.map(volume => [`volume ${volume.id}`, volumeText(volume)] as const),
    ...status.nics.map(nic => [`nic ${nic.id}`, nicText(nic)] as const),
    ...(status.devices ?? []).map(
      ({ id, type, address }) => [`device ${id}`, `${type} at ${address}`] as const,
    ),
    ...(alive && status.guest ? guestOf(status.guest, reach) : []),
    ...(alive && status.guestMemory !== undefined ? balloonOf(status.guestMemory, status.takes) : []),
    ...(alive && status.usage ? usageOf(status.usage) : []),
  ];
}

function consoleText(name: string, { path, port, type }: ConsoleStatus, { address }: Reach): string {
  const own = `mesh workload console -w ${name}`;
  const from = (program: string): string[] =>
    address === undefined || port === undefined ? [] : [`${program}${port}`];
  if (type === 'vnc') return [`VNC, port ${port}`, ...from(`vncviewer ${address}::`)].join('; ');
  if (type === 'serial-socket') return `serial, ${path ?? 'a socket'}; ${own}`;
  return [`serial, port ${port}`, own, ...from(`telnet ${address} `)].join('; ');
}

function volumeText({ bytes, ephemeral, path }: VolumeStatus): string {
  const size = bytes === undefined ? [] : [formatBytes(bytes)];
  return [path, ...size, ephemeral ? 'ephemeral: deleted at the stop' : 'kept at the stop'].join(', ');
}

function nicText({ bridge, mac, qos, tap }: NicStatus): string {
  if (bridge === undefined) return `${mac}, nat`;
  const shaped = qos ? [formatQuality(qos)] : [];
  return [mac, `bridge ${bridge}`, ...(tap === undefined ? [] : [`tap ${tap}`]), ...shaped].join(', ');
}

/** What its agent tells, and where the guest is reached from outside when it is behind its host (checklist TC-42). */
function guestOf({ addresses, agent }: GuestStatus, { translation }: Reach): Pairs {
  const told = agent === 'answers' ? 'its agent answers' : 'its agent is silent';
  const guest = ['guest', [told, ...addresses].join(', ')] as const;
  if (!translation) return [guest];
  const own = addresses.flatMap(text => parseIpv4(text.replace(/\/.*/, '')) ?? []);
  const reached = own.map(ip => {
    const { address, port } = translated(translation, ip);
    return ['reached at', `${address}, port ${port}, for ${ip}`] as const;
  });
  return [guest, ...reached];
}

/** What its balloon has left to the guest. */
function balloonOf(bytes: number, takes: Takes | undefined): Pairs {
  const most = takes ? ` of ${formatBytes(takes.memory)}` : '';
  return [['guest has', `${formatBytes(bytes)}${most}`]];
}

function usageOf(usage: Usage): Pairs {
  const now = usage.cpuPercent === undefined ? [] : [`${Math.round(usage.cpuPercent)} % of one processor`];
  return [
    ['cpu', [...now, `${usage.cpuSeconds.toFixed(1)} s in all`].join(', ')],
    ['memory', formatBytes(usage.memoryBytes)],
    ...bothWays('disk', [usage.diskReadBytes, 'read'], [usage.diskWrittenBytes, 'written']),
    ...bothWays('network', [usage.networkReceivedBytes, 'received'], [usage.networkSentBytes, 'sent']),
  ];
}

type Flow = readonly [bytes: number | undefined, word: string];

function bothWays(key: string, ...flows: readonly Flow[]): Pairs {
  const known = flows.flatMap(([bytes, word]) =>
    bytes === undefined ? [] : [`${formatBytes(bytes)} ${word}`],
  );
  return known.length === 0 ? [] : [[key, known.join(', ')]];
}

function troubleOf(view: WorkloadView, now: number): Pairs {
  const told = toldNow(view);
  const texts = [view.problem, told?.problem, ...view.problems.map(problem => problem.message)];
  const { reportedAt } = view;
  return [
    ...(told?.end ? [['ended', told.end.reason] as const] : []),
    ...texts.flatMap(text => (text === undefined ? [] : [['problem', text] as const])),
    ...(reportedAt === undefined ? [] : [['as of', ago(now - reportedAt)] as const]),
  ];
}
