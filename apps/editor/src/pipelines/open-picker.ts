import type { Placement } from '../canvas/actions.ts';
import type { Point } from '../document/edits.ts';

/** Where the node search is open, if it is. `screen` is null for the docked one. */
export type OpenPicker = { readonly placement: Placement; readonly screen: Point | null };
