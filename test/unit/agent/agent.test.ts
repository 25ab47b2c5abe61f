import { beforeEach, describe, expect, test } from 'vitest';
import { type AgentSettings, NodeAgent } from '../../../src/agent/agent.ts';
import type { Identity } from '../../../src/agent/identity.ts';
import type { Report, ReportAnswer } from '../../../src/api/report.ts';
import { PxenError } from '../../../src/base/error.ts';
import type { Facts } from '../../../src/domain/node/facts.ts';
import type { WorkloadStatus } from '../../../src/domain/workload/status.ts';
import { ManualClock } from '../../fakes/clock.ts';
import { ALPHA, FACTS, LOAD } from '../../fakes/registry.ts';

const IDENTITY: Identity = { id: ALPHA.id, uuid: ALPHA.uuid, bootMac: ALPHA.mac, macs: [ALPHA.mac] };
const DOWN = new PxenError('SERVER_DOWN', 'http://h does not answer: connection refused');

let clock: ManualClock;
let sent: Report[];
let said: string[];
let answers: (ReportAnswer | PxenError)[];
let facts: Facts;
let hostKey: string | undefined;
let identity: Identity | undefined;
let probes: number;
let finishProbe: () => void;
let workloads: WorkloadStatus[];

beforeEach(() => {
  clock = new ManualClock();
  [sent, said, answers, probes, workloads] = [[], [], [], 0, []];
  facts = FACTS;
  hostKey = 'ssh-ed25519 x';
  identity = IDENTITY;
});

function agent(settings: Partial<AgentSettings> = {}): NodeAgent {
  return new NodeAgent(
    {
      clock,
      random: () => 0,
      async send(report) {
        sent.push(report);
        const answer = answers.shift() ?? { interval: 10, full: false };
        if (answer instanceof PxenError) throw answer;
        return answer;
      },
      identity: () => identity,
      state: who => ({
        identity: who,
        bootId: 'b',
        facts,
        load: LOAD,
        sshHostKey: hostKey,
        overlay: undefined,
        workloads,
      }),
      probe: () => {
        probes += 1;
        return new Promise(resolve => {
          finishProbe = resolve;
        });
      },
      say: line => said.push(line),
    },
    { host0: 'http://h', id: undefined, interval: 10, ...settings },
  );
}

const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve));
async function pass(milliseconds: number): Promise<void> {
  clock.advance(milliseconds);
  await settle();
}
const kinds = (): string[] => sent.map(report => report.kind);

describe('reports', () => {
  test('begin at once with everything, and the probe waits for the first to be taken', async () => {
    answers = [DOWN];
    agent().start();
    await settle();
    expect([kinds(), probes]).toEqual([['full'], 0]);
    await pass(1000);
    expect([kinds(), probes]).toEqual([['full', 'full'], 1]);
    expect(said).toEqual([
      'SERVER_DOWN: http://h does not answer: connection refused',
      '91d5815f reported to http://h, 11.2 s after kernel start',
    ]);
  });

  test('tell everything again when the SSH host key of this boot is made only after the first', async () => {
    hostKey = undefined;
    agent().start();
    await settle();
    hostKey = 'ssh-ed25519 late';
    await pass(10_000);
    await pass(10_000);
    expect(sent.map(report => [report.kind, report.kind === 'full' ? report.sshHostKey : undefined])).toEqual(
      [
        ['full', undefined],
        ['full', 'ssh-ed25519 late'],
        ['heartbeat', undefined],
      ],
    );
  });

  test('go on with heartbeats that carry what changed, at the interval that host0 says', async () => {
    answers = [{ interval: 3, full: false }];
    agent().start();
    await settle();
    facts = { ...FACTS, memoryKib: 7 };
    await pass(2999);
    expect(kinds()).toEqual(['full']);
    await pass(1);
    await pass(10_000);
    expect(sent.slice(1)).toMatchObject([
      { kind: 'heartbeat', facts: { memoryKib: 7 } },
      { kind: 'heartbeat', facts: {} },
    ]);
  });

  test('are whole again at once when host0 asks, and not in a circle when it asks for ever', async () => {
    answers = [
      { interval: 10, full: false },
      { interval: 10, full: true },
      { interval: 10, full: true },
    ];
    agent().start();
    await settle();
    await pass(10_000);
    await pass(0);
    expect(kinds()).toEqual(['full', 'heartbeat', 'full']);
    await pass(9999);
    expect(sent).toHaveLength(3);
  });

  test('that get lost come ever more seldom, and what was taken before is not sent again', async () => {
    answers = [{ interval: 10, full: false }, DOWN, DOWN, DOWN, DOWN, DOWN, DOWN];
    agent().start();
    await settle();
    const gaps: number[] = [];
    for (let second = 0, last = 0; second < 80; second++) {
      const before = sent.length;
      await pass(1000);
      if (sent.length > before) {
        gaps.push(second - last);
        last = second;
      }
    }
    expect(gaps.slice(1, 7)).toEqual([1, 2, 4, 8, 15, 15]);
    expect(new Set(kinds().slice(1))).toEqual(new Set(['heartbeat']));
    expect(said.slice(1)).toEqual([
      'SERVER_DOWN: http://h does not answer: connection refused',
      'http://h answers again',
    ]);
  });

  test('bring the result of the probe as soon as it is there', async () => {
    agent().start();
    await settle();
    facts = { ...FACTS, kvm: { state: 'unusable', reason: 'hung' } };
    finishProbe();
    await settle();
    expect(sent[1]).toMatchObject({
      kind: 'heartbeat',
      facts: { kvm: { state: 'unusable', reason: 'hung' } },
    });
    expect(clock.waiting).toBe(1);
  });

  test('tell at once how workloads are, and what comes in quick succession at most twice a second', async () => {
    const status: WorkloadStatus = {
      name: 'web',
      uuid: 'w1',
      state: 'running',
      since: 1,
      engine: 'qemu',
      console: { type: 'serial-tcp', port: 7900 },
      volumes: [],
      nics: [],
    };
    const one = agent();
    one.start();
    await settle();
    workloads = [status];
    one.hurry();
    await settle();
    workloads = [{ ...status, state: 'paused' }];
    for (let i = 0; i < 30; i++) {
      one.hurry();
      await pass(20);
    }
    const states = sent.map(report =>
      'workloads' in report ? report.workloads?.map(w => w.state) : undefined,
    );
    expect(states).toEqual([[], ['running'], ['paused']]);
    await pass(500);
    expect(sent).toHaveLength(4);
    await pass(9999);
    expect(sent).toHaveLength(4);
  });

  test('go out again when there was news while one was under way', async () => {
    const one = agent();
    one.start();
    one.hurry();
    await settle();
    expect(kinds()).toEqual(['full', 'heartbeat']);
    expect(clock.waiting).toBe(1);
  });

  test('wait for a network card', async () => {
    identity = undefined;
    agent().start();
    await settle();
    await pass(1000);
    expect([sent, said]).toEqual([[], ['no network card yet']]);
    identity = IDENTITY;
    await pass(1000);
    expect(kinds()).toEqual(['full']);
  });

  test('end with stop', async () => {
    const one = agent();
    one.start();
    await settle();
    finishProbe();
    await one.stop();
    await settle();
    expect(clock.waiting).toBe(0);
  });
});

test("an agent with another machine's overlay tells so once a minute and does nothing else", async () => {
  answers = Array.from({ length: 5 }, () => new PxenError('IDENTITY_MISMATCH', 'wrong overlay'));
  agent({ id: '00000000' }).start();
  await settle();
  await pass(59_999);
  expect(sent).toEqual([
    {
      kind: 'wrong-identity',
      id: ALPHA.id,
      identity: { uuid: ALPHA.uuid, bootMac: ALPHA.mac, macs: [ALPHA.mac] },
      bootId: 'b',
      configured: '00000000',
    },
  ]);
  await pass(1);
  expect([sent.length, probes]).toEqual([2, 0]);
  expect(said[0]).toBe(
    'IDENTITY_MISMATCH: this machine is 91d5815f, but its overlay was made for 00000000; doing nothing',
  );
});
