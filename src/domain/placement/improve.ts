import { Dice } from './dice.ts';
import { type Draft, isBetter, type Slices } from './draft.ts';

/** So many attempts in vain, for each VM and in all, and nothing more is expected. */
const ATTEMPTS_EACH = 50;
const MOST_ATTEMPTS = 20_000;

/** So many VMs are taken off at once. */
const MOST_TAKEN = 12;

/**
 * Makes a draft better: every VM to where it costs least, then again and again a few VMs taken off and put back in
 * another order. Ends when the fleet has worked out so many prices more, or when nothing has helped for long.
 */
export function* improving(draft: Draft, effort: number): Slices<void> {
  const end = draft.fleet.evaluations + effort;
  // Who was given a node by name does not move.
  const movable = draft.requests.flatMap((request, vm) => (request.node === undefined ? vm : []));
  if (movable.length === 0) return;
  for (let better = true; better; ) {
    better = false;
    for (const vm of movable) {
      if (draft.fleet.evaluations < end && tryAnew(draft, [vm])) better = true;
      if (draft.isPauseDue()) yield;
    }
  }
  const dice = new Dice(1);
  const most = Math.min(MOST_ATTEMPTS, ATTEMPTS_EACH * movable.length);
  for (let failed = 0; failed < most && draft.fleet.evaluations < end; failed++) {
    if (tryAnew(draft, chosen(draft, movable, dice))) failed = -1;
    if (draft.isPauseDue()) yield;
  }
}

/** Takes VMs off and puts each where it then costs least; all as before unless that is better. */
function tryAnew(draft: Draft, vms: readonly number[]): boolean {
  const before = draft.quickScore;
  const hosts = vms.map(vm => draft.take(vm));
  draft.placeAll(vms, 'more');
  if (isBetter(draft.quickScore, before)) return true;
  for (const vm of vms) draft.take(vm);
  for (const [i, vm] of vms.entries()) draft.put(vm, hosts[i] ?? -1);
  return false;
}

/** Some VMs in some order: those of two hosts, or any. Those that have no host yet come along, they gain most. */
function chosen(draft: Draft, movable: readonly number[], dice: Dice): readonly number[] {
  const anyone = (): number => movable[dice.roll(movable.length)] ?? 0;
  const neighbours = [...draft.together(anyone()), ...draft.together(anyone())];
  const pool = dice.roll(2) === 0 ? neighbours : Array.from({ length: 2 + dice.roll(4) }, anyone);
  const free = pool.filter(vm => draft.requests[vm]?.node === undefined);
  return dice.shuffled([
    ...new Set([...firstOf(draft.homeless, 2), ...dice.shuffled(free).slice(0, MOST_TAKEN)]),
  ]);
}

function firstOf(vms: Iterable<number>, count: number): readonly number[] {
  const first: number[] = [];
  for (const vm of vms) {
    if (first.length === count) break;
    first.push(vm);
  }
  return first;
}
