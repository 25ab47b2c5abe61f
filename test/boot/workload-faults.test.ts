import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { speakerIso } from '../../scripts/room/guests/speaker.ts';
import type { WorkloadLine } from '../../src/api/workloads.ts';
import { emptyDisk } from '../fixtures/guests/linux.ts';
import { ALDER, Lab, PATIENCE } from '../fixtures/lab/lab.ts';

const HELLO = 'hello from the ISO';
/** Bytes; at the pace of the slow network it takes 6 s to come. */
const BIG = 60 << 20;
const BIG_PATH = '/tmp/isos/big.iso';

const SPEAKER = {
  'platform.memory.size': '64M',
  'platform.cpu.threads': 1,
  'platform.volume.0.type': 'iso',
  'platform.volume.0.path': '/tmp/isos/speaker.iso',
  'platform.volume.0.source': 'http://host0/isos/speaker.iso',
  'network.0.type': 'bridge',
  'network.0.bridge': 'br0',
  'runtime.console.id': 7,
  'placement.node': ALDER.name,
};

const bigIso = (path: string, file = 'big.iso'): Record<string, string | number> => ({
  'platform.memory.size': '64M',
  'platform.cpu.threads': 1,
  'platform.volume.0.type': 'iso',
  'platform.volume.0.path': path,
  'platform.volume.0.source': `http://host0/isos/${file}`,
  'placement.node': ALDER.name,
});

describe('what goes wrong with workloads on a node', () => {
  const lab = new Lab();
  let sum = '';

  beforeAll(async () => {
    await lab.open(ALDER);
    const iso = speakerIso(HELLO);
    const put = (name: string, bytes?: number): void => {
      const file = join(lab.isos, name);
      writeFileSync(file, iso);
      if (bytes !== undefined) truncateSync(file, bytes);
    };
    put('speaker.iso');
    put('big.iso', BIG);
    put('huge.iso', 4 * 1024 ** 3);
    emptyDisk(join(lab.isos, 'empty.qcow2'));
    sum = (await lab.output('sum', `sha256sum ${lab.isos}/big.iso`)).slice(0, 64);
    lab.workload('speaker', SPEAKER);
    lab.workload('big', bigIso(BIG_PATH));
  }, PATIENCE);
  afterAll(() => lab.close());

  test('of two starts at once one starts it, and the other says who is at it', async () => {
    const start = (): ReturnType<Lab['room']['mesh']> => lab.room.mesh('workload', 'start', '-w', 'speaker');
    const ends = (await Promise.all([start(), start()])).sort((a, b) => a.code - b.code);
    expect(ends.map(({ code }) => code)).toEqual([0, 1]);
    expect(ends[1]?.stderr).toMatch(/^mesh: speaker: a start is under way\n/);
    await lab.heard('speaker', new RegExp(HELLO));
    const { code, stderr } = await lab.refusal('workload', 'start', '-w', 'speaker');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^mesh: speaker: runs already on this node \(pid \d+\)\n/),
    });
    expect(await lab.onNode(ALDER, 'pidof qemu-system-x86_64 | wc -w')).toBe('1');
  });

  test('a virtual machine outlives its agent, and the next agent knows it', async () => {
    const { status: before } = await lab.view('speaker');
    await lab.killAgent(ALDER);
    expect((await lab.verb('pause', 'speaker')).at(-1)).toMatchObject({
      done: { status: { state: 'paused', pid: before?.pid } },
    });
    expect((await lab.verb('resume', 'speaker')).at(-1)).toMatchObject({
      done: { status: { state: 'running', pid: before?.pid } },
    });
  });

  test('a virtual machine that is killed is told as ended within seconds, with its signal; it can be started again', async () => {
    const { status: before } = await lab.view('speaker');
    await lab.onNode(ALDER, `kill -9 ${before?.pid}`);
    const from = performance.now();
    const { status } = await lab.becomes('speaker', view => view.state === 'ended');
    expect(performance.now() - from).toBeLessThan(10_000);
    expect(status?.end).toMatchObject({ signal: 'SIGKILL', reason: 'QEMU was ended by signal SIGKILL' });
    expect(await lab.onNode(ALDER, 'ls /sys/class/net | grep ^px || echo no tap')).toBe('no tap');
    await lab.verb('start', 'speaker');
    await lab.heard('speaker', new RegExp(HELLO));
  });

  test('a guest that shuts down by itself has ended, and says goodbye', async () => {
    // Its console ends with it, within the second that mesh would stay: exit status 1.
    await lab.type('speaker', '!').catch((error: unknown) => expect(String(error)).toMatch(/is gone/));
    const { status } = await lab.becomes('speaker', view => view.state === 'ended');
    expect(status?.end).toMatchObject({ exitCode: 0, reason: 'the guest shut down' });
    expect(await lab.serial('speaker')).toMatch(/goodbye\r\n$/);
    await lab.verb('stop', 'speaker');
  });

  test('a port that is taken is told before anything is done, and nothing is left', async () => {
    const file = lab.file('speaker');
    await lab.onNode(ALDER, 'busybox nc -l -p 7907 </dev/null >/dev/null 2>&1 & echo $! >/tmp/taker');
    const { code, stderr } = await lab.refusal('workload', 'start', '-w', 'speaker');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: [
        `mesh: speaker: ${file}: 1 problem`,
        `  ${file}:10: runtime.console.id: got "7", expected an id whose port is free; 7907 is taken on the node`,
        '',
      ].join('\n'),
    });
    expect(await lab.onNode(ALDER, LEFT)).toBe('');
    await lab.onNode(ALDER, 'kill $(cat /tmp/taker)');
  });

  test('a file whose paths leave their folder is refused with every problem, on host0 and by the agent itself', async () => {
    const file = lab.workload('evil', {
      ...SPEAKER,
      uuid: '../../etc',
      'platform.volume.0.path': '/tmp/../etc/passwd',
    });
    const { code, stderr } = await lab.refusal('workload', 'start', '-w', 'evil');
    expect({ code, problems: stderr.split('\n').slice(1, 3) }).toEqual({
      code: 1,
      problems: [
        expect.stringContaining('evil.conf:2: uuid: got "../../etc", expected a word'),
        expect.stringContaining('evil.conf:6: platform.volume.0.path: got "/tmp/../etc/passwd", expected'),
      ],
    });
    expect(file).toContain('evil.conf');
    const asked = await lab.onNode(ALDER, `node -e '${ASK_AGENT}'`);
    expect(asked.split('\n')).toEqual([
      expect.stringContaining('"code":"BAD_REQUEST"'),
      expect.stringContaining('"code":"BAD_REQUEST"'),
    ]);
    expect(
      await lab.onNode(ALDER, `${LEFT}; ls -d /tmp/pxen/.. /etc/qmp.sock 2>/dev/null; wc -l </etc/passwd`),
    ).toBe(`/tmp/pxen/..\n${await lab.onNode(ALDER, 'wc -l </etc/passwd')}`);
    await lab.output('rm', `rm ${lab.room.root}/var/pxen/monoliths/evil.conf`);
  });

  test('a volume that does not fit on the node is refused before it fills it', async () => {
    lab.workload('huge', bigIso('/tmp/isos/huge.iso', 'huge.iso'));
    const { code, stderr } = await lab.refusal('workload', 'download', '-w', 'huge');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^mesh: huge: .*4\.0 GiB/);
    expect(await lab.onNode(ALDER, 'find /tmp/isos -name "*huge*"')).toBe('');
  });

  test('an agent that is killed in the middle of a download: the next download goes on where it was', async () => {
    await lab.slow(true);
    const download = lab.room.mesh('workload', 'download', '-w', 'big');
    await lab.hasBegun(ALDER, BIG_PATH, 10 << 20);
    await lab.killAgent(ALDER);
    const { code, stderr } = await download;
    expect({ code, stderr }).toEqual({ code: 69, stderr: expect.stringMatching(/^mesh: big: .*agent/) });
    await lab.slow(false);
    const received = progressOf(await lab.verb('download', 'big'));
    expect(received[0]).toBeGreaterThanOrEqual(10 << 20);
    expect(received.at(-1)).toBe(BIG);
    expect(await lab.onNode(ALDER, `sha256sum ${BIG_PATH}; ls -A /tmp/isos`)).toBe(
      `${sum}  ${BIG_PATH}\nbig.iso`,
    );
    await lab.onNode(ALDER, `rm ${BIG_PATH}`);
  });

  test('host0 is killed with -9 in the middle of a start: the node goes on with it, and the new host0 knows it', async () => {
    await lab.slow(true);
    const start = lab.room.mesh('workload', 'start', '-w', 'big');
    await lab.hasBegun(ALDER, BIG_PATH, 10 << 20);
    await lab.room.pxend.stop('SIGKILL');
    const { code, stderr } = await start;
    expect({ code, stderr }).toEqual({ code: 69, stderr: expect.stringMatching(/^mesh: .*pxend/) });
    await lab.slow(false);
    await lab.room.startPxend();
    expect(await lab.becomes('big', view => view.state === 'running')).toMatchObject({
      desired: 'running',
      node: ALDER.id,
    });
    await lab.heard('big', new RegExp(HELLO));
    expect(await lab.onNode(ALDER, `sha256sum ${BIG_PATH}; ls -A /tmp/isos`)).toBe(
      `${sum}  ${BIG_PATH}\nbig.iso`,
    );
  });

  test('host0 is killed with -9 while workloads run: they run on, and it knows them as soon as their node reports', async () => {
    await lab.room.pxend.stop('SIGKILL');
    await lab.room.startPxend();
    expect(await lab.becomes('big', view => view.state === 'running')).toMatchObject({
      desired: 'running',
      node: ALDER.id,
    });
    await lab.mesh('workload', 'stop', '-w', 'big', '--now');
    expect(await lab.onNode(ALDER, `${LEFT}; ls -A /tmp/isos`)).toBe('');
  });
});

/** Everything that a workload could leave on its node but for files that were downloaded. */
const LEFT = [
  'ps | grep [g]uest=',
  'ls /sys/class/net | grep ^px',
  'find /tmp/pxen -type s 2>/dev/null',
  'true',
].join('; ');

/** Asks the agent past host0; two answers on standard output. */
const ASK_AGENT = `
const http = require("http");
const ask = (uuid, next) => {
  const body = JSON.stringify({ verb: "stop", uuid });
  const request = http.request({ socketPath: "/run/pxen/agent.sock", path: "/v1/run", method: "POST" }, answer => {
    let text = "";
    answer.on("data", part => { text += part; }).on("end", () => { console.log(text.trim()); next(); });
  });
  request.end(body);
};
ask("../../etc", () => ask("..", () => {}));
`;

function progressOf(lines: readonly WorkloadLine[]): number[] {
  return lines.flatMap(line => ('progress' in line ? [line.progress.received] : []));
}
