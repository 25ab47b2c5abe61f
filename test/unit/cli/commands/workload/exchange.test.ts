import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { PxenError } from '../../../../../src/base/error.ts';
import { workloadExport } from '../../../../../src/cli/commands/workload/export.ts';
import { workloadImport } from '../../../../../src/cli/commands/workload/import.ts';
import { workloadRender } from '../../../../../src/cli/commands/workload/render.ts';
import { screen } from '../../screen.ts';

const folder = mkdtempSync(join(tmpdir(), 'pxen-exchange-'));
afterAll(() => rmSync(folder, { recursive: true }));

const GOLDEN = join(import.meta.dirname, '../../../../golden');

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Nothing on standard input. */
async function* nothing(): AsyncGenerator<Uint8Array> {}

async function refusal(promise: Promise<unknown>): Promise<object> {
  const thrown = await promise.catch((error: unknown) => error);
  if (!(thrown instanceof PxenError)) throw new Error(`no PxenError: ${JSON.stringify(thrown)}`);
  return { code: thrown.code, message: thrown.message, details: thrown.details };
}

const KERNEL = `name=vm
uuid=u1
platform.memory.size=256M
platform.cpu.threads=1
platform.kernel.image=/srv/vmlinuz
platform.kernel.initrd=/srv/initrd
runtime.tag.role=web
`;

describe('mesh workload export', () => {
  test('the other configuration goes to standard output, what it does not carry to standard error', async () => {
    const shown = screen();
    const path = file('kernel.conf', KERNEL);
    expect(await workloadExport(shown.context, path, { format: 'stratovirt-cli' }, nothing())).toBe(0);
    expect(shown.out).toBe(
      'stratovirt -name vm -kernel /srv/vmlinuz -initrd /srv/initrd -smp 1 -m 256M -api-channel unix:/tmp/pxen/u1/qmp.sock -serial stdio\n',
    );
    expect(shown.err).toBe(
      'note: uuid: only pxen knows it\nnote: runtime.tag.role: this format has no place for it\n',
    );
  });

  test('with --json the notes are beside it', async () => {
    const shown = screen({ json: true });
    const path = file('kernel.conf', KERNEL);
    await workloadExport(shown.context, path, { format: 'stratovirt-json' }, nothing());
    const { format, notes, text } = JSON.parse(shown.out);
    expect([format, JSON.parse(text)['machine-config'], notes[1]]).toEqual([
      'stratovirt-json',
      { type: 'MicroVm', vcpu_count: 1, mem_size: 268_435_456 },
      { key: 'uuid', text: 'only pxen knows it' },
    ]);
    expect(shown.err).toBe('');
  });

  test('what the format is of counts, not platform.engine; all problems are told', async () => {
    const path = join(GOLDEN, 'engines/mesh.conf');
    expect(
      await refusal(workloadExport(screen().context, path, { format: 'stratovirt-json' }, nothing())),
    ).toEqual({
      code: 'WORKLOAD_INVALID',
      message: `${path}: 3 problems`,
      details: [
        `${path}:8: platform.volume.0.type: got "iso", expected another value with platform.engine=stratovirt: it has no CD-ROM drive`,
        `${path}:12: runtime.console.type: got "vnc", expected another value with platform.engine=stratovirt: it has no graphics card`,
        `${path}: platform.kernel.image: is missing, expected an absolute path on the node such as /srv/vm/vmlinuz, with platform.engine=stratovirt: it boots a kernel and nothing else`,
      ],
    });
  });

  test('the facts of a node are judged by', async () => {
    const facts = file('facts.json', '{"existingPaths": ["/srv/vmlinuz"], "nproc": 1}');
    const path = file('kernel.conf', KERNEL);
    expect(
      await refusal(workloadExport(screen().context, path, { format: 'stratovirt-cli', facts }, nothing())),
    ).toMatchObject({
      details: [`${path}:6: platform.kernel.initrd: got "/srv/initrd", expected a file that is on the node`],
    });
  });
});

describe('mesh workload render', () => {
  test('prints what the engine of the file is started with', async () => {
    const shown = screen();
    const path = file('stratovirt.conf', `${KERNEL}platform.engine=stratovirt\n`);
    expect(await workloadRender(shown.context, path, {}, nothing())).toBe(0);
    expect([shown.out.split(' ')[0], shown.err]).toEqual(['stratovirt', '']);
  });
});

describe('mesh workload import', () => {
  const SEED = join(GOLDEN, 'imports/seed.stratovirt-json');

  test('the workload file goes to standard output, what was assumed to standard error', async () => {
    const shown = screen();
    expect(
      await workloadImport(
        shown.context,
        SEED,
        { format: 'stratovirt-json', name: 'web', uuid: 'u1', bridge: 'br7' },
        nothing(),
      ),
    ).toBe(0);
    const golden = readFileSync(`${SEED}.conf`, 'utf8').split('\n# note')[0] ?? '';
    expect(shown.out).toBe(
      `${golden}\n`
        .replace('name=vm', 'name=web')
        .replace(/uuid=.*/, 'uuid=u1')
        .replace('br0', 'br7'),
    );
    expect(shown.err).toContain(
      'note: network.0.bridge: br7 is assumed, StratoVirt knows taps alone; --bridge names another one\n',
    );
  });

  test('without a name it is called as its file', async () => {
    const shown = screen({ json: true });
    await workloadImport(shown.context, SEED, { format: 'stratovirt-json' }, nothing());
    const { config, notes, workload } = JSON.parse(shown.out);
    expect([workload.name, config.split('\n')[0], notes.length]).toEqual(['seed', 'name=seed', 4]);
  });

  test('all problems are told', async () => {
    const path = file('bad.json', '{"drive": 1, "net": [{}]}');
    expect(
      await refusal(workloadImport(screen().context, path, { format: 'stratovirt-json' }, nothing())),
    ).toMatchObject({
      code: 'WORKLOAD_INVALID',
      message: `${path}: 3 problems`,
      details: [
        `${path}: drive: got 1, expected a list`,
        `${path}: net[0].iface_id: is missing, expected a value, StratoVirt cannot do without it`,
        `${path}: boot-source.kernel_image_path: is missing, expected an absolute path on the node such as /srv/vm/vmlinuz, with platform.engine=stratovirt: it boots a kernel and nothing else`,
      ],
    });
  });

  test('what is exported is imported from standard input', async () => {
    const out = screen();
    await workloadExport(out.context, file('kernel.conf', KERNEL), { format: 'stratovirt-cli' }, nothing());
    async function* exported(): AsyncGenerator<Uint8Array> {
      yield new TextEncoder().encode(out.out);
    }
    const back = screen();
    await workloadImport(back.context, '-', { format: 'stratovirt-cli', uuid: 'u1' }, exported());
    expect(back.out).toBe(
      KERNEL.replace('platform.memory', 'platform.engine=stratovirt\nplatform.memory').replace(
        /runtime.*\n/,
        '',
      ),
    );
  });
});
