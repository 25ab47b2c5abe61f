import type { Fields } from '../hocon/fields.ts';
import { NOT_NEGATIVE, REAL, TEXT } from '../hocon/values.ts';
import type { CostFunction } from './cost.ts';
import { type Curve, hasPrice } from './curve.ts';
import { isWord, WORD_FORM } from './names.ts';
import { curveUnder, parseCurve } from './parse-curve.ts';

const RESOURCES = ['vms', 'vcpus', 'memory'] as const;
type Resource = (typeof RESOURCES)[number];

/** A cost function from the fields of its object (checklist TC-20). One that lets nothing onto any host is a problem too. */
export function parseCostFunction(id: string, fields: Fields): CostFunction {
  const curves: Partial<Record<Resource, Curve>> = {};
  for (const resource of RESOURCES) {
    const curve = curveUnder(fields, resource);
    if (curve) curves[resource] = curve;
    if (curve && !hasPrice(curve, 1, Infinity))
      fields.wrong(
        resource,
        'a curve that has a price for a first VM: with this one no host can run any',
        'a curve that is always Infinity',
      );
  }
  const rules = {
    id,
    name: fields.optional('name', TEXT) ?? id,
    description: fields.optional('description', TEXT) ?? '',
    ...curves,
    devices: deviceCurves(fields),
    scale: fields.optional('scale', NOT_NEGATIVE) ?? 1,
    offset: fields.optional('offset', REAL) ?? 0,
  };
  fields.refuseOthers();
  return rules;
}

/** Nothing limits what such a function lets onto its hosts (the document's danger note, checklist TC-23). */
export function limitsNothing({ vms, vcpus, memory }: CostFunction): boolean {
  return vms === undefined && vcpus === undefined && memory === undefined;
}

function deviceCurves(fields: Fields): ReadonlyMap<string, Curve> {
  const section = fields.section('devices');
  const curves = new Map<string, Curve>();
  for (const [type, curve] of fields.sections('devices')) {
    if (!isWord(type)) section?.wrong(type, WORD_FORM);
    const parsed = parseCurve(curve);
    if (parsed) curves.set(type, parsed);
  }
  return curves;
}
