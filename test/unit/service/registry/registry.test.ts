import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeDetailSchema, nodeListSchema } from '../../../../src/api/nodes.ts';
import type { Report } from '../../../../src/api/report.ts';
import type { Ipv4 } from '../../../../src/base/ipv4.ts';
import type { Mac } from '../../../../src/base/mac.ts';
import type { Lease } from '../../../../src/domain/lease/lease.ts';
import type { MachineId } from '../../../../src/domain/machine/genid.ts';
import type { BootEvent } from '../../../../src/domain/node/timeline.ts';
import { Registry } from '../../../../src/service/registry/registry.ts';
import { ManualClock } from '../../../fakes/clock.ts';
import { statusOf, told } from '../../../fakes/host-workloads.ts';
import { RecordingLog } from '../../../fakes/log.ts';
import {
  ALPHA,
  BETA,
  FACTS,
  fullReport,
  HOST_KEY_LINE,
  heartbeat,
  LOAD,
  leaseFor,
  MemoryNodes,
  type TestMachine,
  TWIN,
} from '../../../fakes/registry.ts';

const OWN_KEY = HOST_KEY_LINE.replace(/A$/, 'B');

let clock: ManualClock;
let store: MemoryNodes;
let log: RecordingLog;
let leases: Lease[] | undefined;
/** Host keys of machines with an overlay of their own; the token of a machine is `token-<id>`. */
let own: Map<MachineId, string>;
let registry: Registry;

beforeEach(async () => {
  clock = new ManualClock(1_000_000);
  store = new MemoryNodes();
  log = new RecordingLog();
  leases = [leaseFor(ALPHA), leaseFor(BETA), leaseFor(TWIN)];
  own = new Map();
  registry = await started();
});

async function started(): Promise<Registry> {
  const made = new Registry({
    store,
    clock,
    log,
    sha256: data => createHash('sha256').update(data).digest(),
    leaseOf: leases && (address => leases?.find(lease => lease.address === address)),
    hostKeyOf: async id => own.get(id),
    tokenMatches: async (id, token) => token === `token-${id}`,
    interval: 10,
  });
  await made.start();
  return made;
}

/** Time goes on by a tenth of a second with every event. */
function record(event: Omit<BootEvent, 'at' | 'text'> & { text?: string }): void {
  clock.advance(100);
  registry.record({ at: clock.now(), text: event.stage, ...event });
}

/** The events that a machine with option 97 leaves on its way to the kernel. */
function boots(machine: TestMachine): void {
  const { address, id, mac, uuid } = machine;
  record({ stage: 'discover', mac, uuid, machineId: id, idFrom: 'dhcp', client: 'firmware' });
  record({ stage: 'ack', mac, address, machineId: id });
  record({ stage: 'script', mac, uuid, address, machineId: id, idFrom: 'script' });
  record({ stage: 'kernel', address });
}

function report(body: Report, from: Ipv4, token?: string): ReturnType<Registry['report']> {
  clock.advance(100);
  return registry.report(body, from, token);
}

const refusal = async (attempt: Promise<unknown>): Promise<string> => {
  const error = await attempt.then(
    () => undefined,
    thrown => thrown,
  );
  return error === undefined ? 'accepted' : `${error.code}: ${error.message}`;
};

const timeline = (id: MachineId): string[] =>
  registry.node(id).boots.map(boot => boot.events.map(event => event.stage).join(' '));
const problems = (id: MachineId): string[] =>
  registry.node(id).boots.flatMap(boot => boot.events.filter(e => e.stage === 'problem').map(e => e.text));

describe('events find their machine', () => {
  test('by id, by card, and by leased address', () => {
    boots(ALPHA);
    record({ stage: 'initramfs', address: ALPHA.address });
    record({ stage: 'init', mac: ALPHA.mac });
    expect(timeline(ALPHA.id)).toEqual(['discover ack script kernel initramfs init']);
    expect(registry.node(ALPHA.id).boots[0]?.events.at(-2)).toMatchObject({
      machineId: ALPHA.id,
      mac: ALPHA.mac,
    });
  });

  test('later, when they were seen before the machine was known', () => {
    leases = [];
    record({ stage: 'discover', mac: ALPHA.mac, client: 'firmware' });
    record({ stage: 'offer', mac: ALPHA.mac });
    record({ stage: 'script', mac: ALPHA.mac, machineId: ALPHA.id, idFrom: 'script' });
    expect(timeline(ALPHA.id)).toEqual(['discover offer script']);
  });

  test("or are nobody's, and then make no node", () => {
    leases = [];
    record({ stage: 'discover', mac: '00:11:22:33:44:55' as Mac });
    record({ stage: 'kernel', address: '10.77.0.250' as Ipv4 });
    expect(registry.nodes()).toEqual([]);
  });

  test('in proxy mode by the address that asked for the boot script', () => {
    leases = [];
    const { address, id, mac } = ALPHA;
    record({ stage: 'script', mac, address, machineId: id, idFrom: 'script' });
    record({ stage: 'kernel', address });
    expect(timeline(id)).toEqual(['script kernel']);
  });

  test('an event that cannot be digested is logged and hurts nobody', () => {
    registry.record({ at: 1, stage: 'kernel', machineId: ALPHA.id } as BootEvent);
    expect(log.lines[0]).toMatch(/^error registry: an event was lost: /);
  });

  test('a flood of forged machines does not drive out one that has reported', async () => {
    boots(ALPHA);
    await report(fullReport(ALPHA), ALPHA.address);
    for (let i = 0; i < 5000; i++) {
      const machineId = i.toString(16).padStart(8, '0') as MachineId;
      record({ stage: 'discover', machineId, mac: BETA.mac, idFrom: 'dhcp' });
    }
    const ids = registry.nodes().map(({ id }) => id);
    // An eighth goes at once: the oldest, never the newest.
    expect([ids.length > 4096 - 512, ids.length <= 4096]).toEqual([true, true]);
    expect([ids.includes('00000000' as MachineId), ids.includes('00001387' as MachineId)]).toEqual([
      false,
      true,
    ]);
    expect(registry.node(ALPHA.id).reportedAt).toBeDefined();
  });
});

describe('a machine on the default overlay', () => {
  test('is known by its leased address, and its host key is pinned for this boot', async () => {
    boots(ALPHA);
    expect(await report(fullReport(ALPHA), ALPHA.address)).toEqual({ interval: 10, full: false });
    const node = registry.node(ALPHA.id);
    expect(node).toMatchObject({
      state: 'up',
      trust: 'lease',
      address: ALPHA.address,
      hostKey: { line: HOST_KEY_LINE, from: 'first-use' },
      agreement: { dhcp: ALPHA.id, script: ALPHA.id, agent: ALPHA.id },
      facts: FACTS,
    });
    expect(node.boots.at(-1)?.events.at(-1)?.text).toBe(
      'agent 0.1.0 reported 11.2 s after the kernel started',
    );
    expect(nodeDetailSchema.parse(JSON.parse(JSON.stringify(node)))).toEqual(
      JSON.parse(JSON.stringify(node)),
    );
    expect(nodeListSchema.parse({ nodes: JSON.parse(JSON.stringify(registry.nodes())) }).nodes).toHaveLength(
      1,
    );
  });

  test('cannot change the pinned key until it boots again', async () => {
    boots(ALPHA);
    await report(fullReport(ALPHA), ALPHA.address);
    await report({ ...fullReport(ALPHA), sshHostKey: OWN_KEY }, ALPHA.address);
    expect(registry.node(ALPHA.id).hostKey?.line).toBe(HOST_KEY_LINE);
    boots(ALPHA);
    await report({ ...fullReport(ALPHA, 'boot-2'), sshHostKey: OWN_KEY }, ALPHA.address);
    expect(registry.node(ALPHA.id).hostKey?.line).toBe(OWN_KEY);
  });

  test("is refused from an address that is another one's, nobody's, or whose lease is over", async () => {
    boots(ALPHA);
    const said = (address: string) => `FORBIDDEN: ${address} is not leased to ${ALPHA.id}`;
    expect(await refusal(report(fullReport(ALPHA), BETA.address))).toBe(said('10.77.0.101'));
    expect(await refusal(report(fullReport(ALPHA), '10.77.0.9' as Ipv4))).toBe(said('10.77.0.9'));
    leases = [leaseFor(ALPHA, clock.now() - 1)];
    expect(await refusal(report(fullReport(ALPHA), ALPHA.address))).toBe(said('10.77.0.100'));
  });

  test('beside a foreign DHCP server is known by the address that fetched its boot script', async () => {
    leases = undefined;
    registry = await started();
    boots(ALPHA);
    expect(await refusal(report(fullReport(ALPHA), ALPHA.address))).toBe('accepted');
    expect(await refusal(report(fullReport(ALPHA), BETA.address))).toBe(
      'FORBIDDEN: 10.77.0.101 has not fetched the boot script of 91d5815f',
    );
  });

  test('goes on until it reboots when it gets an overlay of its own meanwhile', async () => {
    boots(ALPHA);
    await report(fullReport(ALPHA), ALPHA.address);
    own.set(ALPHA.id, OWN_KEY);
    expect(await refusal(report(heartbeat(ALPHA), ALPHA.address))).toBe('accepted');
    boots(ALPHA);
    expect(await refusal(report(fullReport(ALPHA, 'boot-2'), ALPHA.address))).toBe(
      'UNAUTHORIZED: 91d5815f at 10.77.0.100 has an overlay of its own, but reports without its token',
    );
    expect(problems(ALPHA.id)).toEqual([
      'report refused: 91d5815f at 10.77.0.100 has an overlay of its own, but reports without its token',
    ]);
  });
});

describe('a machine with an overlay of its own', () => {
  beforeEach(() => {
    own.set(ALPHA.id, OWN_KEY);
    boots(ALPHA);
  });

  test('is known by its token from any address, and its host key is the one that host0 made', async () => {
    leases = [];
    await report(fullReport(ALPHA), '10.77.0.9' as Ipv4, `token-${ALPHA.id}`);
    expect(registry.node(ALPHA.id)).toMatchObject({
      trust: 'token',
      address: '10.77.0.9',
      hostKey: { line: OWN_KEY, from: 'overlay' },
    });
    expect(registry.targets('ALL')).toEqual([{ node: ALPHA.id, address: '10.77.0.9', hostKey: OWN_KEY }]);
  });

  test('is refused with a wrong token, also from its own address', async () => {
    expect(await refusal(report(fullReport(ALPHA), ALPHA.address, 'token-00000000'))).toBe(
      'UNAUTHORIZED: wrong token for 91d5815f from 10.77.0.100',
    );
  });

  test('is refused without one', async () => {
    expect(await refusal(report(fullReport(ALPHA), ALPHA.address))).toMatch(/^UNAUTHORIZED/);
  });
});

describe('identity', () => {
  test('an id that does not follow from the identity is refused', async () => {
    const forged = { ...fullReport(ALPHA), id: BETA.id };
    expect(await refusal(report(forged, BETA.address, `token-${BETA.id}`))).toBe(
      'IDENTITY_MISMATCH: the report says id 6e6da274, but UUID 11223344-5566-7788-99aa-bbccddeeff00 and MAC 52:54:00:12:34:56 make 91d5815f',
    );
  });

  test("a machine with another one's overlay is a problem of its own timeline, told once", async () => {
    boots(ALPHA);
    const { id, identity } = fullReport(ALPHA);
    const body: Report = { kind: 'wrong-identity', id, identity, bootId: 'b', configured: BETA.id };
    for (let i = 0; i < 3; i++) {
      expect(await refusal(report(body, ALPHA.address))).toMatch(
        /^IDENTITY_MISMATCH: the machine at 10.77.0.100 is 91d5815f/,
      );
    }
    expect(problems(ALPHA.id)).toEqual([
      'the machine at 10.77.0.100 is 91d5815f, but its overlay was made for "6e6da274"; its agent does not run',
    ]);
    expect(await refusal(report(body, BETA.address))).toMatch(/^FORBIDDEN/);
  });

  test("a machine with another one's overlay may show that one's token instead of a lease; what is no id is never looked up", async () => {
    const { id, identity } = fullReport(ALPHA);
    const body: Report = { kind: 'wrong-identity', id, identity, bootId: 'b', configured: BETA.id };
    const elsewhere = '10.77.0.9' as Ipv4;
    expect(await refusal(report(body, elsewhere, `token-${BETA.id}`))).toMatch(/^IDENTITY_MISMATCH/);
    expect(await refusal(report({ ...body, configured: '../x' }, elsewhere, 'token-../x'))).toMatch(
      /^FORBIDDEN/,
    );
  });

  test('places that compute different ids for one card are told on the machine that the address is leased to', () => {
    const { address, mac, uuid } = ALPHA;
    record({ stage: 'discover', mac, uuid, machineId: ALPHA.id, idFrom: 'dhcp', client: 'firmware' });
    record({ stage: 'script', mac, address, machineId: BETA.id, idFrom: 'script' });
    const said = `dhcp says ${ALPHA.id}, script says ${BETA.id}`;
    expect(problems(ALPHA.id)).toEqual([`the id of ${ALPHA.id} differs from place to place: ${said}`]);
    expect(registry.node(ALPHA.id).agreement).toEqual({ dhcp: ALPHA.id, script: BETA.id });
    expect(registry.node(ALPHA.id).problem).toMatch(/^the id differs from place to place: dhcp says/);
  });

  test.each(['script', 'init'] as const)(
    'a request that names another machine (%s) does not touch that machine',
    async idFrom => {
      boots(BETA);
      await report(fullReport(BETA), BETA.address);
      const before = registry.node(BETA.id);
      boots(ALPHA);
      record({
        stage: idFrom,
        mac: ALPHA.mac,
        uuid: BETA.uuid,
        address: ALPHA.address,
        machineId: BETA.id,
        idFrom,
      });
      await report(heartbeat(BETA), BETA.address);
      const { address, macs, boots: history, problem } = registry.node(BETA.id);
      expect({ address, macs, history, problem }).toEqual({
        address: before.address,
        macs: before.macs,
        history: before.boots,
        problem: undefined,
      });
      expect(registry.conflict(BETA.id)).toBeUndefined();
    },
  );

  test('a new boot begins with nothing said', () => {
    boots(ALPHA);
    record({ stage: 'discover', mac: ALPHA.mac, machineId: ALPHA.id, idFrom: 'dhcp', client: 'firmware' });
    expect(registry.node(ALPHA.id).agreement).toEqual({ dhcp: ALPHA.id });
  });

  test('two machines with one id are a conflict: the one that reported first goes on, the other does not come in', async () => {
    boots(BETA);
    await report(fullReport(BETA), BETA.address);
    boots(TWIN);
    expect(registry.conflict(BETA.id)).toBeUndefined();
    expect(await refusal(report(heartbeat(BETA), BETA.address))).toBe('accepted');
    const sentence = `2 machines go by id ${BETA.id}: ${BETA.mac} (UUID ${BETA.uuid}), ${TWIN.mac} (UUID ${TWIN.uuid})`;
    expect(registry.conflict(BETA.id)).toBe(sentence);
    expect(await refusal(report(fullReport(TWIN, 'boot-twin'), TWIN.address))).toBe(`CONFLICT: ${sentence}`);
    expect(registry.targets([BETA.id])).toEqual([
      { node: BETA.id, address: BETA.address, hostKey: HOST_KEY_LINE },
    ]);
    expect(registry.nodes()[0]?.problem).toBe(sentence);
    expect(problems(BETA.id)).toEqual([sentence]);
    clock.advance(11 * 60_000);
    expect(registry.conflict(BETA.id)).toBeUndefined();
  });
});

test('a lease renewed later is no step back from the last stage', async () => {
  boots(ALPHA);
  await report(fullReport(ALPHA), ALPHA.address);
  record({ stage: 'ack', mac: ALPHA.mac, client: 'os' });
  expect([registry.nodes()[0]?.stage, registry.nodes()[0]?.state]).toEqual(['agent', 'up']);
});

describe('heartbeats', () => {
  test('bring changed facts and load; what did not change stays', async () => {
    await report(fullReport(ALPHA), ALPHA.address);
    const load = { average: 3, availableKib: 5, uptimeSeconds: 99 };
    const kvm = { state: 'usable' } as const;
    expect(await report({ ...heartbeat(ALPHA), load, facts: { kvm } }, ALPHA.address)).toEqual({
      interval: 10,
      full: false,
    });
    expect(registry.node(ALPHA.id)).toMatchObject({ load, facts: { ...FACTS, kvm }, kvm: 'usable' });
  });

  test('of a node that host0 does not know yet ask for everything', async () => {
    expect(await report(heartbeat(ALPHA), ALPHA.address)).toEqual({ interval: 10, full: true });
    expect(registry.node(ALPHA.id).facts).toBeUndefined();
  });

  test('cost no write while nothing changes, and are saved at the end', async () => {
    await report(fullReport(ALPHA), ALPHA.address);
    clock.advance(1000);
    await Promise.resolve();
    const { saves } = store;
    for (let i = 0; i < 10; i++) await report(heartbeat(ALPHA), ALPHA.address);
    clock.advance(60_000);
    expect(store.saves).toBe(saves);
    const last = registry.node(ALPHA.id).reportedAt;
    await registry.stop();
    expect(store.saved.get(ALPHA.id)?.report?.at).toBe(last);
    expect(clock.waiting).toBe(0);
  });

  test('that stop coming make a node silent', async () => {
    await report(fullReport(ALPHA), ALPHA.address);
    clock.advance(31_000);
    expect(registry.nodes()[0]?.state).toBe('silent');
    expect(registry.targets('ALL')).toEqual([]);
    expect(registry.targets([ALPHA.id])).toHaveLength(1);
  });
});

describe('workloads', () => {
  const web = statusOf('web');
  const host = {
    id: ALPHA.id,
    state: 'up',
    address: ALPHA.address,
    hostKey: HOST_KEY_LINE,
    bootId: 'boot-1',
    facts: FACTS,
    load: LOAD,
  };

  test('are those of the last report, whatever kind it was', async () => {
    await report({ ...fullReport(ALPHA), workloads: told('web', 'db') }, ALPHA.address);
    expect(registry.hosts()).toEqual([{ ...host, reportedAt: 1_000_100, workloads: [web, statusOf('db')] }]);
    await report({ ...heartbeat(ALPHA), workloads: told('web') }, ALPHA.address);
    expect(registry.host(ALPHA.id)).toEqual({ ...host, reportedAt: 1_000_200, workloads: [web] });
    await report(heartbeat(ALPHA), ALPHA.address);
    expect(registry.host(ALPHA.id)?.workloads).toEqual([]);
  });

  test('survive a restart of host0, and the node counts as there until its next report is due', async () => {
    await report({ ...fullReport(ALPHA), workloads: told('web') }, ALPHA.address);
    await registry.stop();
    clock.advance(3_600_000);
    registry = await started();
    expect(registry.host(ALPHA.id)).toEqual({
      ...host,
      state: 'unknown',
      reportedAt: 1_000_100,
      workloads: [web],
    });
    clock.advance(31_000);
    expect(registry.host(ALPHA.id)?.state).toBe('silent');
  });

  test('of a machine that never reported are none, and it cannot be reached', () => {
    boots(ALPHA);
    expect(registry.hosts()).toEqual([
      {
        ...host,
        facts: undefined,
        load: undefined,
        state: 'booting',
        hostKey: undefined,
        bootId: undefined,
        reportedAt: undefined,
        workloads: [],
      },
    ]);
    expect(registry.host(BETA.id)).toBeUndefined();
  });
});

describe('a machine that is gone for good', () => {
  test('is forgotten with its boots and its pinned key, in the store too', async () => {
    boots(ALPHA);
    await report(fullReport(ALPHA), ALPHA.address);
    clock.advance(60_000);
    registry.forget(ALPHA.id);
    clock.advance(1000);
    await registry.stop();
    expect([registry.nodes(), [...store.saved.keys()]]).toEqual([[], []]);
  });

  test('may come back as if it were new, with another key', async () => {
    await report(fullReport(ALPHA), ALPHA.address);
    clock.advance(60_000);
    registry.forget(ALPHA.id);
    expect(await report(heartbeat(ALPHA), ALPHA.address)).toMatchObject({ full: true });
    await report({ ...fullReport(ALPHA, 'boot-2'), sshHostKey: OWN_KEY }, ALPHA.address);
    expect(registry.node(ALPHA.id).hostKey?.line).toBe(OWN_KEY);
  });

  test('is not forgotten while it is up, and an unknown one cannot be', async () => {
    await report(fullReport(ALPHA), ALPHA.address);
    expect(() => registry.forget(ALPHA.id)).toThrow('91d5815f is up, and would be back with its next report');
    expect(() => registry.forget(BETA.id)).toThrow('no node has the id 6e6da274');
  });
});

describe('after a restart of host0', () => {
  test('nodes, boots and pinned keys are there; the node is asked for everything once', async () => {
    boots(ALPHA);
    await report(fullReport(ALPHA), ALPHA.address);
    const before = registry.node(ALPHA.id);
    await registry.stop();
    clock.advance(60_000);
    registry = await started();
    expect(registry.node(ALPHA.id)).toEqual({ ...before, state: 'unknown' });
    record({ stage: 'problem', mac: ALPHA.mac });
    expect(await report(heartbeat(ALPHA), ALPHA.address)).toEqual({ interval: 10, full: true });
    expect(await report(fullReport(ALPHA), ALPHA.address)).toEqual({ interval: 10, full: false });
    expect(timeline(ALPHA.id)).toEqual(['discover ack script kernel agent problem']);
  });

  test('a store that refuses shows in health, is logged once, and gets everything when it works again', async () => {
    store.failure = new Error('disk full');
    boots(ALPHA);
    for (let i = 0; i < 3; i++) {
      clock.advance(6000);
      await new Promise(resolve => setImmediate(resolve));
    }
    expect(registry.health()).toBe('nodes and boot events are kept in memory only: disk full');
    expect(log.lines.filter(line => line.includes('not saved'))).toEqual([
      'error registry: nodes are not saved: disk full',
    ]);
    store.failure = undefined;
    clock.advance(6000);
    await new Promise(resolve => setImmediate(resolve));
    expect([registry.health(), store.saved.get(ALPHA.id)?.boots[0]?.events.length]).toEqual([undefined, 4]);
  });
});

test('an unknown node is NOT_FOUND', () => {
  expect(() => registry.node(ALPHA.id)).toThrow('no node has the id 91d5815f');
  expect(() => registry.targets([ALPHA.id])).toThrow('no node has the id 91d5815f');
});
