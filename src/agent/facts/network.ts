import { parseMac } from '../../base/mac.ts';
import type { Bridge, Nic } from '../../domain/node/facts.ts';
import type { Tree } from '../tree.ts';

/** Addresses with prefix length by interface, as the system knows them. */
export type Addresses = ReadonlyMap<string, readonly string[]>;

const NET = '/sys/class/net';

export function nics(tree: Tree, addresses: Addresses): Nic[] {
  return tree.list(NET).flatMap(name => {
    const mac = parseMac(tree.text(`${NET}/${name}/address`) ?? '');
    if (!mac || !isCard(tree, name)) return [];
    const speed = Number(tree.text(`${NET}/${name}/speed`));
    return [
      {
        name,
        mac,
        driver: tree.link(`${NET}/${name}/device/driver`),
        // -1 without a link, 0 or unreadable on virtual cards
        speed: speed > 0 ? speed : undefined,
        carrier: tree.text(`${NET}/${name}/carrier`) === '1',
        addresses: addresses.get(name) ?? [],
      },
    ];
  });
}

/** Bridges, taps and tunnels have no device behind them; a virtual function (SR-IOV) is a part of its card, made for a guest. */
export function isCard(tree: Tree, name: string): boolean {
  return tree.exists(`${NET}/${name}/device`) && !tree.exists(`${NET}/${name}/device/physfn`);
}

export function bridges(tree: Tree, addresses: Addresses): Bridge[] {
  return tree
    .list(NET)
    .filter(name => tree.exists(`${NET}/${name}/bridge`))
    .map(name => ({
      name,
      members: tree.list(`${NET}/${name}/brif`),
      addresses: addresses.get(name) ?? [],
    }));
}
