import { nearest, quote } from '../../base/diagnostic.ts';
import { PxenError } from '../../base/error.ts';
import { called, type Host, isThere } from './host.ts';
import { isAlive, isBound, mainSight, type Sight, type Situation } from './view.ts';

/** What decides on which node something is done with a workload that was started. */
export interface Choice {
  readonly name: string;
  /** Machine id that the command line gave with -n. */
  readonly asked?: string | undefined;
  readonly situation: Situation;
  readonly hosts: readonly Host[];
}

/** A host by its two names. */
type Named = Pick<Host, 'id' | 'name'>;

/** The host that a start or a download is bound to by name, if it is. Throws NOT_FOUND. */
export function namedHost<T extends Named>({
  name,
  asked,
  placement,
  hosts,
}: {
  readonly name: string;
  /** Machine id that the command line gave with -n: it wins. */
  readonly asked?: string | undefined;
  /** `placement.node` of its file: a machine id or the name of a node. */
  readonly placement?: string | undefined;
  readonly hosts: readonly T[];
}): T | undefined {
  if (asked !== undefined) return askedHost(asked, hosts);
  return placement === undefined ? undefined : placedHost(name, placement, hosts);
}

/**
 * Where a workload that nobody names a node for goes without a choice: the node on which it was started has it, what is left
 * of it, may have it or gets it back. That another node says so binds nothing.
 */
export function boundHost(situation: Situation): Host | undefined {
  const { host, record, sights } = situation;
  const own = sights.find(sight => sight.host.id === record?.node);
  return (own && isThere(own.host)) || isBound(situation) ? host : undefined;
}

/** Where it is, for all that is done with a workload that was started. Throws NOT_FOUND or WORKLOAD_STATE. */
export function chooseWhereItIs({ name, asked, situation, hosts }: Choice): Host {
  if (asked !== undefined) return askedHost(asked, hosts);
  const { host, record } = situation;
  const sight = mainSight(situation);
  if (sight) return sight.host;
  if (record?.desired === 'running' && host) return host;
  throw new PxenError('WORKLOAD_STATE', `${name} is on no node`, {
    details: [host ? `it was last started on ${called(host)}` : `start it: mesh workload start -w ${name}`],
  });
}

function askedHost<T extends Named>(asked: string, hosts: readonly T[]): T {
  const host = hosts.find(({ id }) => id === asked);
  if (host) return host;
  throw new PxenError('NOT_FOUND', `no host has the id ${asked}`, { details: [SEE_HOSTS] });
}

const SEE_HOSTS = 'see: mesh host list; a node is there after its first report';

function placedHost<T extends Named>(workload: string, placement: string, hosts: readonly T[]): T {
  const host = hosts.find(({ id, name }) => id === placement || name === placement);
  if (host) return host;
  const near = nearest(
    placement,
    hosts.flatMap(({ id, name }) => [id, ...(name === undefined ? [] : [name])]),
  );
  throw new PxenError(
    'NOT_FOUND',
    `${workload}: its placement.node is ${quote(placement)}, and no node is called that`,
    {
      details: [near === undefined ? SEE_HOSTS : `did you mean ${near}?`],
    },
  );
}

/**
 * Why it must not be started on this node: it runs, or may run, on another one. Two machines with one disk and one
 * address do more harm than none. Whether it runs on this very node, its agent knows best. `isIgnored`: hosts whose word
 * does not count for what was not started there, since a node may say anything.
 */
export function startConflict(
  name: string,
  to: Host,
  situation: Situation,
  isIgnored: (host: Host['id']) => boolean,
): PxenError | undefined {
  const { host, record, returning } = situation;
  const running = situation.sights.find(
    sight =>
      sight.host.id !== to.id &&
      isThere(sight.host) &&
      isAlive(sight.status) &&
      (sight.host.id === record?.node || !isIgnored(sight.host.id)),
  );
  if (running) return runsElsewhere(name, running, record);
  if (record?.desired !== 'running' || record.node === to.id) return undefined;
  const place = host ? called(host) : record.node;
  if (returning)
    return refusal(
      `${name} is being brought back on ${place}, where it ran before that node rebooted`,
      name,
      record.node,
    );
  if (host?.state === 'up') return undefined;
  return new PxenError('WORKLOAD_STATE', `${name} may still run on ${place}, which does not report now`, {
    details: [
      `bring that node back, or, when it is off for sure: mesh workload stop -w ${name}; then start it here`,
    ],
  });
}

function runsElsewhere(name: string, { host, status }: Sight, record: Situation['record']): PxenError {
  const state = status.state === 'running' ? 'runs already' : `is ${status.state}`;
  const doubt = `host0 did not start it there; if that cannot be, its word counts no more once it is disabled: mesh host set-state ${host.id} disabled`;
  return refusal(
    `${name} ${state} on ${called(host)}`,
    name,
    host.id,
    record?.node === host.id ? [] : [doubt],
  );
}

/** With the node: without -n, a stop goes where it should run, and that may be another one. */
function refusal(message: string, name: string, node: Host['id'], more: readonly string[] = []): PxenError {
  return new PxenError('WORKLOAD_STATE', message, {
    details: [`stop it there first: mesh workload stop -w ${name} -n ${node}`, ...more],
  });
}
