import { type Element, element } from './xml.ts';

/** libvirt takes names of users for devices with this in front, since 3.9. */
export function aliasOf(alias: string | undefined): Element | undefined {
  return alias === undefined ? undefined : element('alias', { name: `ua-${alias}` });
}

/** From 1. */
export function bootAt(place: number | undefined): Element | undefined {
  return place === undefined ? undefined : element('boot', { order: place });
}
