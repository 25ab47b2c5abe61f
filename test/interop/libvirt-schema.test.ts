import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { domainXml } from '../../src/domain/vm/libvirt/domain.ts';
import { formatWorkload } from '../../src/domain/workload/format.ts';
import { parseWorkload } from '../../src/domain/workload/parse.ts';
import { machineOf } from '../fakes/machines.ts';
import { libvirtWorkload } from '../fakes/workloads.ts';

/** What virt-xml-validate of libvirt-clients judges by. */
const SCHEMA = '/usr/share/libvirt/schemas/domain.rng';
const hasSchema = existsSync(SCHEMA) && spawnSync('xmllint', ['--version']).status === 0;
if (!hasSchema) console.log(`skipped: no xmllint or no ${SCHEMA}; scripts/deps installs them`);

const GOLDEN = join(import.meta.dirname, '../golden/engines');
const RANDOM = 40;

describe.skipIf(!hasSchema)("libvirt's own schema", () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'libvirt-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What xmllint complains of, domain by domain. */
  function complaints(domains: Readonly<Record<string, string>>): string[] {
    const files = Object.entries(domains).map(([name, xml]) => {
      writeFileSync(join(folder, name), xml);
      return name;
    });
    const { stderr } = spawnSync('xmllint', ['--noout', '--relaxng', SCHEMA, ...files], {
      cwd: folder,
      encoding: 'utf8',
    });
    const lines = stderr.trim().split('\n');
    expect(lines.filter(line => line.endsWith(' validates')).length + lines.filter(isComplaint).length).toBe(
      lines.length,
    );
    return lines.filter(isComplaint);
  }

  function isComplaint(line: string): boolean {
    return !line.endsWith(' validates');
  }

  test('complains of what is no domain', () => {
    expect(complaints({ 'bad.xml': '<domain type="kvm"><nmae>x</nmae></domain>' })).not.toEqual([]);
  });

  test('takes every domain of the golden files', () => {
    const domains = readdirSync(GOLDEN)
      .filter(file => file.endsWith('.libvirt'))
      .map(
        file =>
          [`${file}.xml`, readFileSync(join(GOLDEN, file), 'utf8').split('# notes\n')[0] ?? ''] as const,
      )
      .filter(([, xml]) => xml.startsWith('<domain'));
    expect(domains.length).toBeGreaterThan(2);
    expect(complaints(Object.fromEntries(domains))).toEqual([]);
  });

  test('takes whatever a workload can be', () => {
    const workloads = fc.sample(libvirtWorkload, RANDOM);
    const domains = workloads.map((workload, at) => {
      expect(parseWorkload(formatWorkload(workload), 'f').problems).toEqual([]);
      return [`${at}.xml`, domainXml(machineOf(workload))] as const;
    });
    const said = complaints(Object.fromEntries(domains));
    expect(said.map(line => `${line}\n${domains.find(([name]) => line.startsWith(name))?.[1]}`)).toEqual([]);
  });
});
