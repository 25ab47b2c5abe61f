import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatDiagnostic } from '../src/base/diagnostic.ts';
import { ERROR_KINDS } from '../src/base/error.ts';
import { commandLine } from '../src/cli/commandline.ts';
import { workloadValidate } from '../src/cli/commands/workload/validate.ts';
import { parseConfig } from '../src/domain/config/parse.ts';
import { configurationTable } from '../src/domain/config/reference.ts';
import { parseManifest } from '../src/domain/manifest/parse.ts';
import { symptomSections } from '../src/domain/node/reference.ts';
import { engineTables } from '../src/domain/vm/reference.ts';
import { workloadKeyTable } from '../src/domain/workload/reference.ts';
import { meshIn } from './unit/cli/commands/placement/mesh.ts';
import { screen } from './unit/cli/screen.ts';

/** Between the comment that says where it comes from and the one that ends it. */
const TABLE = /(?<=<!-- Written from [^\n]* -->\n\n)[\s\S]*?(?=<!-- table end -->)/;

/** The table on a page; UPDATE_DOCS=1 writes the one of the code there first. */
function tableOf(page: string, wanted: string): string | undefined {
  const text = readFileSync(page, 'utf8');
  if (process.env['UPDATE_DOCS'])
    writeFileSync(
      page,
      text.replace(TABLE, () => `${wanted}\n\n`),
    );
  return TABLE.exec(readFileSync(page, 'utf8'))?.[0].trimEnd();
}

function errorTable(): string {
  const rows = Object.entries(ERROR_KINDS).map(
    ([code, { exit, http, about }]) => `| \`${code}\` | ${exit} | ${http} | ${about} |`,
  );
  return ['| code | exit status | HTTP status | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

/** The fenced blocks of a language on a page. */
function blocksOf(page: string, language: string): string[] {
  const text = readFileSync(page, 'utf8');
  return Array.from(text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm))
    .filter(block => block[1] === language)
    .map(block => block[2] ?? '');
}

describe('docs/configuration.md', () => {
  const page = 'docs/configuration.md';

  test('has exactly the settings that the code knows', () => {
    const wanted = configurationTable();
    expect(tableOf(page, wanted)).toBe(wanted);
  });

  test('its example is a good configuration', () => {
    const [text = '', ...others] = blocksOf(page, 'yaml');
    const result = parseConfig({ file: { path: page, text }, environment: {}, flags: {} });
    expect([others, 'problems' in result && result.problems]).toEqual([[], false]);
  });

  test('its messages are what a user sees', () => {
    const result = parseConfig({
      file: { path: '/etc/pxen/pxen.yaml', text: 'interface: eth1\ndhcp:\n  poool: x\n' },
      environment: { PXEN_HTTP_PORT: 'http' },
      flags: {},
    });
    const messages = 'problems' in result ? result.problems.map(formatDiagnostic) : [];
    expect(blocksOf(page, '')).toEqual([`${messages.join('\n')}\n`]);
  });

  test.each([
    [{ PXEN_DHCP_DNS: '10.77.0.1 9.9.9.9' }, {}, 'dhcp.dns', ['10.77.0.1', '9.9.9.9']],
    [{}, { 'boot.console': '[tty0, "ttyS0,115200"]' }, 'boot.console', ['tty0', 'ttyS0,115200']],
  ] as const)('what it says of lists is so: %j %j', (environment, flags, path, value) => {
    const result = parseConfig({ environment, flags });
    expect('config' in result && result.config[path]).toEqual(value);
  });
});

describe('docs/errors.md', () => {
  test('has exactly the codes of the catalogue', () => {
    const wanted = errorTable();
    expect(tableOf('docs/errors.md', wanted)).toBe(wanted);
  });

  test('its example is an error body', () => {
    const [text = ''] = blocksOf('docs/errors.md', 'json');
    expect(Object.keys(ERROR_KINDS)).toContain(JSON.parse(text).error.code);
  });
});

describe('docs/overlays.md', () => {
  test('its manifest is a good one and shows every action', () => {
    const [text = ''] = blocksOf('docs/overlays.md', 'manifest');
    const { actions, problems } = parseManifest(text, 'docs/overlays.md');
    expect({ problems, actions: actions.map(a => a.action) }).toEqual({
      problems: [],
      actions: ['O', 'A', 'L', 'D', 'R'],
    });
  });
});

describe('README.md', () => {
  const page = 'README.md';

  test('its configuration is a good one', () => {
    for (const text of blocksOf(page, 'yaml')) {
      const result = parseConfig({ file: { path: page, text }, environment: {}, flags: {} });
      expect({ text, problems: 'problems' in result ? result.problems : [] }).toEqual({ text, problems: [] });
    }
  });

  test('every mesh command that it names exists', () => {
    const text = readFileSync(page, 'utf8');
    const named = [...text.matchAll(/`mesh ([a-z]+(?: [a-z]+)?)/g)].map(match => match[1] ?? '');
    const known = pathsOf(commandLine(async () => {}));
    expect(named.filter(name => !known.includes(name))).toEqual([]);
    expect(named.length).toBeGreaterThan(4);
  });

  test('every page and script that it names exists', () => {
    const text = readFileSync(page, 'utf8');
    const files = [...text.matchAll(/\]\(([^):]+)\)|(scripts\/[a-z-]+)/g)].map(
      match => match[1] ?? match[2] ?? '',
    );
    expect(files.filter(file => !existsSync(file))).toEqual([]);
  });
});

/** `node`, `node info`, ...: the commands of a tree. */
function pathsOf(command: Command, prefix = ''): string[] {
  return command.commands.flatMap(child => {
    const path = `${prefix}${child.name()}`;
    return [path, `${path} bash`, ...pathsOf(child, `${path} `)];
  });
}

describe('docs/troubleshooting.md', () => {
  test('has exactly the symptoms of the table', () => {
    const wanted = symptomSections();
    expect(tableOf('docs/troubleshooting.md', wanted)).toBe(wanted);
  });
});

describe('docs/engines.md', () => {
  test('has exactly the engines, limits and capabilities of the table', () => {
    const wanted = engineTables();
    expect(tableOf('docs/engines.md', wanted)).toBe(wanted);
  });
});

describe('docs/workloads.md', () => {
  const page = 'docs/workloads.md';
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'docs-'));
    for (const text of blocksOf(page, 'conf'))
      writeFileSync(join(folder, /^# (\S+\.conf)/.exec(text)?.[1] ?? 'unnamed'), text);
    for (const text of blocksOf(page, 'json')) writeFileSync(join(folder, 'node.json'), text);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('has exactly the keys that the code knows', () => {
    const wanted = workloadKeyTable();
    expect(tableOf(page, wanted)).toBe(wanted);
  });

  /** What `mesh workload validate FILE [--facts FILE]` prints, with the files of the page. */
  async function validated(command: string): Promise<string> {
    const { file = '', facts } =
      /^mesh workload validate (?<file>\S+)( --facts (?<facts>\S+))?$/.exec(command)?.groups ?? {};
    const seen = screen();
    const options = { facts: facts === undefined ? undefined : join(folder, facts) };
    await workloadValidate(seen.context, [join(folder, file)], options);
    return (seen.out + seen.err).replaceAll(`${folder}/`, '');
  }

  test('the commands that it shows print what it says', async () => {
    const blocks = blocksOf(page, '').map(
      block => /^\$ (mesh workload validate .*)\n([\s\S]*)$/.exec(block) ?? [],
    );
    const shown = blocks.filter(([, command]) => command !== undefined);
    for (const [, command = '', output] of shown) expect(output).toBe(await validated(command));
    expect(shown.length).toBe(3);
  });
});

describe('docs/placement.md', () => {
  const page = 'docs/placement.md';
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'docs-'));
    for (const text of [...blocksOf(page, 'hocon'), ...blocksOf(page, 'broken')])
      writeFileSync(join(folder, /^# (\S+\.conf)/.exec(text)?.[1] ?? 'unnamed'), text);
    for (const text of blocksOf(page, 'json')) writeFileSync(join(folder, 'snapshot.json'), text);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('the commands that it shows print what it says', async () => {
    const shown = blocksOf(page, '').map(block => /^\$ mesh (.*)\n([\s\S]*)$/.exec(block) ?? []);
    for (const [, command = '', output] of shown) {
      const words = Array.from(
        command.matchAll(/'([^']*)'|(\S+)/g),
        ([, quoted, word]) => quoted ?? word ?? '',
      );
      const files = words.map(word => (/^\w+\.(conf|json)$/.test(word) ? join(folder, word) : word));
      const { out, err } = await meshIn(folder, files);
      expect(out + err).toBe(output);
    }
    expect(shown.length).toBe(5);
  });
});
