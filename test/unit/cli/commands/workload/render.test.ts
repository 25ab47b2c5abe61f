import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { PxenError } from '../../../../../src/base/error.ts';
import { workloadRender } from '../../../../../src/cli/commands/workload/render.ts';
import { qemuArgv } from '../../../../../src/domain/vm/qemu/argv.ts';
import { goldenMachine, goldenNames, QEMU_GOLDENS } from '../../../../fakes/machines.ts';
import { screen } from '../../screen.ts';

const folder = mkdtempSync(join(tmpdir(), 'pxen-render-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const golden = (name: string): string => join(QEMU_GOLDENS, `${name}.conf`);

/** Nothing on standard input. */
async function* nothing(): AsyncGenerator<Uint8Array> {}

async function render(
  path: string,
  options: Parameters<typeof workloadRender>[2] = {},
  json = false,
): Promise<{ status: number; out: string; err: string }> {
  const shown = screen({ json });
  const status = await workloadRender(shown.context, path, options, nothing());
  return { status, out: shown.out, err: shown.err };
}

async function refusal(promise: Promise<unknown>): Promise<object> {
  const thrown = await promise.catch((error: unknown) => error);
  if (!(thrown instanceof PxenError)) throw new Error(`no PxenError: ${JSON.stringify(thrown)}`);
  return { code: thrown.code, message: thrown.message, details: thrown.details };
}

describe('the command line of a file', () => {
  test('with --json it is a list of words', async () => {
    const { status, out } = await render(golden('seed'), {}, true);
    expect(status).toBe(0);
    expect(JSON.parse(out)).toEqual({ argv: qemuArgv(goldenMachine('seed')) });
  });

  test.each(goldenNames.filter(name => !existsSync(join(QEMU_GOLDENS, `${name}.json`))))(
    '%s: pasted into a shell it comes to the same words',
    async name => {
      const { out } = await render(golden(name));
      expect(out.split('\n')).toHaveLength(2);
      const shell = spawnSync('sh', ['-c', `printf '%s\\n' ${out}`], { encoding: 'utf8' });
      expect(shell.stdout).toBe(readFileSync(join(QEMU_GOLDENS, `${name}.argv`), 'utf8'));
    },
  );

  test('the facts of a node decide what the file leaves open', async () => {
    const facts = file(
      'facts.json',
      JSON.stringify({ vhostNet: true, busyPorts: [7900], kvm: { usable: false } }),
    );
    const conf = file(
      'open.conf',
      'name=a\nuuid=a\nplatform.memory.size=1G\nplatform.cpu.threads=1\nplatform.cpu.mode=max\nnetwork.0.type=bridge\nnetwork.0.bridge=br0\n',
    );
    const { out } = await render(conf, { facts, accel: 'auto' });
    expect(out).toContain(' -accel tcg,thread=multi ');
    expect(out).toContain(',port=7901,');
    expect(out).toContain(',vhost=on ');
  });
});

describe('what cannot run is refused with every problem', () => {
  test('the rules of the file', async () => {
    const conf = file('bad.conf', 'name=a\nuuid=..\nplatform.memory.size=4GB\nplatform.cpu.threads=0\n');
    expect(await refusal(render(conf))).toEqual({
      code: 'WORKLOAD_INVALID',
      message: `${conf}: 3 problems`,
      details: [
        expect.stringContaining(`${conf}:2: uuid: got ".."`),
        expect.stringContaining(`${conf}:3: platform.memory.size: got "4GB"`),
        expect.stringContaining(`${conf}:4: platform.cpu.threads: got "0"`),
      ],
    });
  });

  test('those of the node', async () => {
    const facts = file(
      'small.json',
      '{"memAvailableKiB": 1, "nproc": 1, "busyPorts": [5905], "interfaces": []}',
    );
    expect(await refusal(render(golden('seed'), { facts }))).toEqual({
      code: 'WORKLOAD_INVALID',
      message: `${golden('seed')}: 4 problems`,
      details: [
        expect.stringContaining('platform.memory.size'),
        expect.stringContaining('platform.cpu.threads'),
        expect.stringContaining('network.0.bridge'),
        expect.stringContaining('runtime.console.id'),
      ],
    });
  });

  test('without facts, too, where the policy alone says no', async () => {
    expect(await refusal(render(golden('least'), { accel: 'tcg' }))).toEqual({
      code: 'WORKLOAD_INVALID',
      message: `${golden('least')}: 1 problem`,
      details: [expect.stringContaining('platform.cpu.mode: got "host"')],
    });
  });

  test('a file that is not there', async () => {
    expect(await refusal(render(join(folder, 'nothing.conf')))).toMatchObject({ code: 'FILE_MISSING' });
  });
});
