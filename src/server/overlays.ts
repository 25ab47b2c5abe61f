import type { Places } from '../domain/config/places.ts';
import type { SiteFacts } from '../domain/overlay/builtin.ts';
import { OverlayFolder } from '../io/files/overlays.ts';
import { packageRoot } from '../io/files/package.ts';
import { FileTree } from '../io/files/tree.ts';
import { KeyFolder } from '../io/keys/keys.ts';
import { TarPacker } from '../io/tar/packer.ts';
import { OverlayService } from '../service/overlay/overlay.ts';

/**
 * The overlays of an appliance: pxend serves from here, and `mesh` builds here whether pxend runs or not. `running` are
 * the overlays that nodes say they run; only pxend hears them.
 */
export function openOverlays(
  places: Places,
  site: () => Promise<SiteFacts>,
  running?: () => ReadonlySet<string>,
): OverlayService {
  return new OverlayService({
    files: new FileTree(places.root),
    base: new FileTree(packageRoot()),
    packer: new TarPacker(),
    store: new OverlayFolder(places.overlays),
    secrets: new KeyFolder(places.keys),
    site,
    running,
  });
}
