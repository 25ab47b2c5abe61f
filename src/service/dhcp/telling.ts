import { quote } from '../../base/diagnostic.ts';
import type { Clock, Log } from '../../base/ports.ts';
import type { BootClient, BootRequest } from '../../domain/boot/classify.ts';
import type { Decision } from '../../domain/boot/decision.ts';
import type { BootEvent, BootStage, Timeline } from '../../domain/node/timeline.ts';
import type { Sparse } from './sparse.ts';

export interface TellPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly timeline: Timeline;
  readonly sparse: Sparse;
}

/** When a request was taken up and when its answer left, milliseconds since the epoch. */
export interface Times {
  readonly began: number;
  readonly now: number;
}

/** Puts a decision on the machine's timeline and into the log. */
export function tell(
  request: BootRequest,
  decision: Decision,
  { began, now }: Times,
  ports: TellPorts,
): void {
  const { timeline } = ports;
  const milliseconds = now - began;
  if (request.messageType === 'DISCOVER')
    timeline.record(eventOf(request, 'discover', discoverText(request), began));
  if (decision.stage)
    timeline.record({
      ...eventOf(request, decision.stage, decision.text, now),
      address: decision.address,
      milliseconds,
      fault: decision.fault,
    });
  write(request, decision, { began, now }, ports);
}

/** Problems that come with every packet of everybody are said sparsely, those of one machine always. */
function write(
  request: BootRequest,
  decision: Decision,
  { began, now }: Times,
  { clock, log, sparse }: TellPorts,
): void {
  const fields = {
    node: request.machineId,
    mac: request.mac,
    stage: decision.stage,
    milliseconds: now - began,
  };
  const line = `${request.messageType}: ${decision.text}`;
  const warn = (text: string): void => log.warn('dhcp', text, fields);
  if (decision.stage === 'problem' && decision.kind === 'ignore' && decision.fault !== 'in-use')
    sparse.say(decision.fault ?? decision.text, clock.elapsed(), line, warn);
  else if (decision.stage === 'problem') warn(line);
  else log[decision.stage || decision.kind !== 'ignore' ? 'info' : 'debug']('dhcp', line, fields);
}

const WHO: Readonly<Record<BootClient, 'firmware' | 'ipxe' | 'os'>> = {
  ipxe: 'ipxe',
  'pxe-bios': 'firmware',
  'pxe-uefi': 'firmware',
  'uefi-http': 'firmware',
  other: 'os',
};

function eventOf(
  { mac, machineId, uuid, client }: BootRequest,
  stage: BootStage,
  text: string,
  at: number,
): BootEvent {
  return {
    at,
    stage,
    text,
    mac,
    machineId,
    uuid,
    client: WHO[client],
    protocol: 'dhcp',
    idFrom: machineId ? 'dhcp' : undefined,
  };
}

function discoverText({ client, arch, vendorClass }: BootRequest): string {
  const vendor = vendorClass === '' ? '' : `, vendor class ${quote(vendorClass)}`;
  return client === 'other'
    ? `asks for an address${vendor}`
    : `asks for an address and a boot file (${client}, ${arch?.name ?? 'unknown architecture'})`;
}
