import type { Workbench } from './actions.ts';

const MARGIN = 24;

/** How far to move so that `start..end` lies within `from..to`; the start wins where both do not fit. */
const shift = (start: number, end: number, from: number, to: number): number => {
  if (start < from + MARGIN) return from + MARGIN - start;
  return end > to - MARGIN ? Math.max(to - MARGIN - end, from + MARGIN - start) : 0;
};

/** Moves the canvas just as far as a node needs to be seen whole, after panels have opened or closed; zoom stays. */
export function keepInView(bench: Workbench, id: string): void {
  requestAnimationFrame(() => {
    const view = bench.view();
    const pane = document.querySelector('.react-flow')?.getBoundingClientRect();
    const node = bench.flow.getState().nodes.find((other) => other.id === id);
    if (view === null || pane === undefined || node === undefined || node.dragging === true) return;
    const start = view.flowToScreenPosition(node.position);
    const end = view.flowToScreenPosition({
      x: node.position.x + (node.width ?? 0),
      y: node.position.y + (node.height ?? 0),
    });
    const { x, y, zoom } = view.getViewport();
    const [dx, dy] = [shift(start.x, end.x, pane.left, pane.right), shift(start.y, end.y, pane.top, pane.bottom)];
    if (dx !== 0 || dy !== 0) void view.setViewport({ x: x + dx, y: y + dy, zoom }, { duration: 180 });
  });
}
