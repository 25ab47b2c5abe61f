import type { Disk, PciDevice } from '../../domain/node/facts.ts';
import type { Tree } from '../tree.ts';

const BLOCK = '/sys/block';
const PCI = '/sys/bus/pci/devices';
/** The unit of /sys/block/<disk>/size, whatever the disk's own sectors are. */
const SECTOR_BYTES = 512;

/** Disks: what has a device behind it and holds data; no loop devices, CD-ROM or floppy drives. */
export function disks(tree: Tree): Disk[] {
  return tree
    .list(BLOCK)
    .filter(name => !/^(sr|fd|loop|ram|zram)\d/.test(name) && tree.exists(`${BLOCK}/${name}/device`))
    .map(name => ({
      name,
      bytes: Number(tree.text(`${BLOCK}/${name}/size`) ?? 0) * SECTOR_BYTES,
      model: tree.text(`${BLOCK}/${name}/device/model`),
      rotational: tree.text(`${BLOCK}/${name}/queue/rotational`) === '1',
    }));
}

export function pciDevices(tree: Tree): PciDevice[] {
  return tree.list(PCI).map(address => {
    const hex = (file: string): string => (tree.text(`${PCI}/${address}/${file}`) ?? '').replace(/^0x/, '');
    return {
      address,
      id: `${hex('vendor').padStart(4, '0')}:${hex('device').padStart(4, '0')}`,
      class: hex('class').padStart(6, '0'),
      driver: tree.link(`${PCI}/${address}/driver`),
    };
  });
}
