import { type Command, InvalidArgumentError } from 'commander';
import { parseReal, parseSize } from '../../domain/hocon/units.ts';
import { isWord, WORD_FORM } from '../../domain/placement/names.ts';
import { costCurve } from '../commands/placement/curve.ts';
import { costEval, type EvalOptions } from '../commands/placement/eval.ts';
import { costExplain } from '../commands/placement/explain.ts';
import { placeOffline } from '../commands/placement/place.ts';
import { planWorkloads } from '../commands/placement/plan.ts';
import { type Chosen, chosen, named, pickedBy } from './chosen.ts';
import { examples, type Run } from './noun.ts';

/**
 * `mesh cost`, `mesh plan` and `mesh place`: what placements are decided by. `explain` and `plan` ask pxend, the others
 * work it out from files.
 */
export function addPlacement(mesh: Command, run: Run): void {
  const cost = mesh.command('cost').description('what hosts cost: curves and cost functions');
  addExplain(cost, run);
  addEval(cost, run);
  addCurve(cost, run);
  addPlan(mesh, run);
  addPlace(mesh, run);
}

function addExplain(cost: Command, run: Run): void {
  chosen(
    cost
      .command('explain')
      .description('what every host would cost with a workload on it, which one it would get, and why'),
    'as if it were started with this -n',
  )
    .option('--plot', 'draw the curves of that host, with the point where the workload would be')
    .addHelpText(
      'after',
      examples(
        'mesh cost explain -w web',
        'mesh cost explain -w web --plot',
        'mesh cost explain -w web --json | jq -r ".costs[] | [.host, .total] | @tsv"',
      ),
    )
    .action((names: string[], options: Chosen & { plot?: boolean }, command: Command) =>
      run(command, context =>
        costExplain(context, { ...pickedBy(names, options), plot: options.plot === true }),
      ),
    );
}

function addPlan(mesh: Command, run: Run): void {
  named(
    mesh
      .command('plan')
      .description(
        'place a set of workloads together and print where each goes; exit status 1 when one fits nowhere',
      ),
  )
    .argument('[file...]', 'workload files, - for standard input; host0 need not have them')
    .option('--start', 'then start them as planned, if all of them have a host')
    .addHelpText(
      'after',
      examples(
        'mesh plan -w ALL',
        'mesh plan -w "web-*" --start',
        'mesh plan next-week/*.conf --json | jq -r ".placements[] | [.name, .host] | @tsv"',
      ),
    )
    .action((files: string[], options: Chosen & { start?: boolean }, command: Command) =>
      run(command, context =>
        planWorkloads(context, { files, workloads: options.workload ?? [], start: options.start === true }),
      ),
    );
}

function addEval(cost: Command, run: Run): void {
  cost
    .command('eval')
    .description('work out what a cost function asks for some use of a host, in all and by part')
    .requiredOption('--file <file>', 'HOCON file with pxen.vm.cost-functions (or ticrypt.vm.cost-functions)')
    .requiredOption('--function <id>', 'the cost function')
    .option('--vms <n>', 'number of VMs', count, 0)
    .option('--vcpus <n>', 'number of vCPUs', count, 0)
    .option('--memory <size>', 'bytes, or a size such as 16GiB', size, 0)
    .option('--device <type=n>', 'devices of a type in use; may be repeated', device)
    .addHelpText(
      'after',
      examples(
        'mesh cost eval --file /host0/hardware.conf --function simple --vms 2 --vcpus 9 --memory 16GiB',
        'mesh cost eval --file ticrypt-vm.conf --function nvidia-gpu --vms 1 --device nvidia-gpu=1 --json',
      ),
    )
    .action((options: EvalOptions, command: Command) => run(command, context => costEval(context, options)));
}

function addCurve(cost: Command, run: Run): void {
  cost
    .command('curve')
    .description('work out or draw a curve')
    .argument('<curve>', 'HOCON or JSON: { curve: linear, slope: 1, base: 0 }')
    .argument('[inputs...]', 'numbers, or sizes such as 16GiB; without any, the curve is drawn')
    .option('--plot', 'draw it, also with inputs')
    .addHelpText(
      'after',
      examples(
        "mesh cost curve '{ curve: hard-soft, soft: 1, hard: 2 }' 0 1 2 3",
        "mesh cost curve '{ curve: hard-soft, soft: 32 GiB, hard: 48 GiB, scale: 10 }' 16GiB 40GiB --json",
        "mesh cost curve '{ curve: piecewise, cutoff: 6, low: { curve: constant, value: 5 }, high: { curve: invalid } }'",
      ),
    )
    .action((curve: string, inputs: string[], options: { plot?: boolean }, command: Command) =>
      run(command, context => costCurve(context, curve, inputs, { plot: options.plot === true })),
    );
}

function addPlace(mesh: Command, run: Run): void {
  mesh
    .command('place')
    .description('choose a host from a snapshot of a cluster; exit status 1 when a VM fits nowhere')
    .requiredOption(
      '--snapshot <file>',
      'JSON: costFunctions, profiles, hosts with their usage, and a request, or requests to plan together',
    )
    .addHelpText(
      'after',
      examples('mesh place --snapshot cluster.json', 'mesh place --snapshot cluster.json --json | jq .host'),
    )
    .action((options: { snapshot: string }, command: Command) =>
      run(command, context => placeOffline(context, options.snapshot)),
    );
}

function count(text: string): number {
  const value = parseReal(text);
  if (value !== undefined && Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('expected a whole number from 0.');
}

function size(text: string): number {
  const value = parseSize(text);
  if (value !== undefined && Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('expected whole bytes such as 1024, 64MiB or "18 GiB".');
}

function device(text: string, before: ReadonlyMap<string, number> = new Map()): ReadonlyMap<string, number> {
  const [type = '', number = ''] = text.split('=', 2);
  if (!isWord(type)) throw new InvalidArgumentError(`expected TYPE=N; TYPE is ${WORD_FORM}.`);
  return new Map(before).set(type, (before.get(type) ?? 0) + count(number));
}
