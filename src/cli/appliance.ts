import { placesUnder } from '../domain/config/places.ts';
import { localAddresses } from '../io/addresses.ts';
import { loadConfiguration, siteNetwork } from '../io/configuration.ts';
import { openOverlays } from '../server/overlays.ts';
import { savedSite, siteFacts } from '../server/site.ts';
import type { OverlayService } from '../service/overlay/overlay.ts';

/** Judging /host0 needs no facts of host0, so it works before the appliance is configured, and makes no keys. */
export function overlaysToCheck(root: string): OverlayService {
  return openOverlays(placesUnder(root), async () => ({
    httpBase: '',
    address: '',
    publicKey: '',
    interval: 0,
  }));
}

/** The overlays of the appliance under this root, with or without a running pxend. */
export function openedOverlays(root: string): OverlayService {
  const places = placesUnder(root);
  return openOverlays(places, async () => {
    const saved = await savedSite(places);
    if (saved) return saved;
    const config = loadConfiguration({
      path: places.config,
      required: false,
      environment: process.env,
      flags: {},
    });
    return siteFacts(config, siteNetwork(config, places.config, localAddresses()), places);
  });
}
