import { formatMemory } from '../workload/values.ts';
import type { Architecture } from '../workload/workload.ts';
import {
  type Budget,
  CAPABILITIES,
  ENGINE_LIMITS,
  ENGINES,
  type Engine,
  type EngineLimits,
  type Range,
} from './capabilities.ts';
import { EXPORT_FORMATS, EXPORT_NAMES, IMPORT_NAMES } from './formats.ts';

/** The tables of docs/engines.md; a test keeps the page equal to them. */
export function engineTables(): string {
  return [engineTable(), formatTable(), limitTable(), capabilityTable()].join('\n\n');
}

function engineTable(): string {
  const rows = ENGINES.map(engine => {
    const { about, runs } = ENGINE_LIMITS[engine];
    return [`\`${engine}\``, about, runs === 'agent' ? 'runs on nodes' : 'configuration is exported'];
  });
  return markdown(['engine', 'what it is', 'what pxen does with it'], rows);
}

function limitTable(): string {
  const rows = ENGINES.flatMap(engine => limitsOf(engine).map(limit => [`\`${engine}\``, limit]));
  return markdown(['engine', 'limit'], rows);
}

function capabilityTable(): string {
  const rows = CAPABILITIES.map(({ engines, except, keys, only, what }) => {
    const values = only ? `: ${only.join(', ')}` : except ? `, but for ${except.join(', ')}` : '';
    const supports = ENGINES.map(engine => (engines[engine] === true ? 'yes' : `no: ${engines[engine]}`));
    return [what, `${keys.map(key => `\`${key}\``).join(', ')}${values}`, ...supports];
  });
  return markdown(['capability', 'asked for by', ...ENGINES.map(engine => `\`${engine}\``)], rows);
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n');
}

/** Every limit of an engine in one sentence each. */
export function limitsOf(engine: Engine): string[] {
  const { budgets, forms, kernels, needs, needsKvm, needsRoot, ranges } = ENGINE_LIMITS[engine];
  return [
    ...(needsKvm === undefined ? [] : [`a node where KVM works: ${needsKvm}`]),
    ...Object.entries(needs).map(([key, why]) => `${key} is required: ${why}`),
    ...(needsRoot === undefined
      ? []
      : [
          `platform.kernel.initrd is required, or a volume and root= in platform.kernel.append: ${needsRoot}`,
        ]),
    ...(kernels === undefined ? [] : [kernelSentence(kernels)]),
    ...ranges.map(rangeSentence),
    ...budgets.map(budgetSentence),
    ...forms.map(({ expected, keys }) => `${keys.join(', ')}: ${expected}`),
  ];
}

function kernelSentence(kernels: NonNullable<EngineLimits['kernels']>): string {
  const of = (arch: Architecture): string => kernels[arch].filter(form => form !== 'raw').join(' or ');
  return `the file of platform.kernel.image is ${of('x86_64')} (aarch64: ${of('aarch64')}), or has no mark`;
}

function rangeSentence({ key, least, most, step }: Range): string {
  const show = key === 'platform.memory.size' ? formatMemory : String;
  return `${key}: ${show(least)} to ${show(most)}${step === 1 ? '' : `, a multiple of ${show(step)}`}`;
}

function budgetSentence({ because, most, what }: Budget): string {
  const { aarch64, x86_64 } = most;
  const count = aarch64 === x86_64 ? `${x86_64}` : `${x86_64} (aarch64: ${aarch64})`;
  return `at most ${count} ${what}: ${because}`;
}

function formatTable(): string {
  const rows = EXPORT_NAMES.map(name => {
    const { about, engine } = EXPORT_FORMATS[name];
    const isImport = IMPORT_NAMES.some(each => each === name);
    const limits = engine === 'any' ? 'its own' : `of \`${engine}\``;
    return [`\`${name}\``, about, limits, isImport ? 'yes' : ''];
  });
  return markdown(['format', 'what it is', 'limits that count', 'import'], rows);
}
