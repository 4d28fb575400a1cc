import { createRootRoute, createRoute, createRouter, Link, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { Map as MapIcon } from 'lucide-react';
import { PipelinesPage } from './pipelines/PipelinesPage.tsx';
import { PipelineRunsPage, RunsPage } from './runs/RunsPage.tsx';
import type { StepTab } from './runs/StepPanel.tsx';
import { Shell } from './shell/Shell.tsx';
import { Empty, Trouble } from './ui/Empty.tsx';

/*
 * Every page and what stands in its address. Pages with a canvas and settings are loaded when first opened.
 */

type Search = Readonly<Record<string, unknown>>;

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : typeof value === 'number' ? String(value) : undefined;

const TABS: readonly StepTab[] = ['input', 'output', 'error', 'turns'];

const root = createRootRoute({
  component: Shell,
  notFoundComponent: () => (
    <Empty
      icon={<MapIcon size={22} />}
      title="There is no such page"
      text="The address may be misspelt, or what was here is gone."
    >
      <Link to="/pipelines">To the pipelines</Link>
    </Empty>
  ),
  errorComponent: ({ error, reset }) => (
    <Trouble error={error instanceof Error ? error : new Error(String(error))} retry={reset} />
  ),
});

const index = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/pipelines' });
  },
});

const pipelines = createRoute({ getParentRoute: () => root, path: '/pipelines', component: PipelinesPage });

/** What an editor's address may hold: the selected node and the run shown over the draft. */
export type EditorSearch = { readonly node?: string | undefined; readonly run?: string | undefined };

const editor = createRoute({
  getParentRoute: () => root,
  path: '/pipelines/$pid',
  validateSearch: (search: Search): EditorSearch => ({ node: text(search.node), run: text(search.run) }),
  component: lazyRouteComponent(() => import('./pipelines/EditorPage.tsx'), 'EditorPage'),
});

const pipelineRuns = createRoute({
  getParentRoute: () => root,
  path: '/pipelines/$pid/runs',
  component: PipelineRunsPage,
});

const runs = createRoute({ getParentRoute: () => root, path: '/runs', component: RunsPage });

/** What a run's address may hold: the step shown, which part of it, and a turn to go to. */
export type RunSearch = {
  readonly step?: string | undefined;
  readonly tab?: StepTab | undefined;
  readonly turn?: number | undefined;
};

const run = createRoute({
  getParentRoute: () => root,
  path: '/runs/$rid',
  validateSearch: (search: Search): RunSearch => {
    const turn = Number(search.turn);
    return {
      step: text(search.step),
      tab: TABS.find((tab) => tab === search.tab),
      turn: Number.isInteger(turn) && turn > 0 ? turn : undefined,
    };
  },
  component: lazyRouteComponent(() => import('./runs/RunPage.tsx'), 'RunPage'),
});

const models = createRoute({
  getParentRoute: () => root,
  path: '/settings/models',
  validateSearch: (search: Search): { readonly add?: boolean | undefined } => ({
    add: search.add === true ? true : undefined,
  }),
  component: lazyRouteComponent(() => import('./settings/ModelsPage.tsx'), 'ModelsPage'),
});

const keys = createRoute({
  getParentRoute: () => root,
  path: '/settings/keys',
  component: lazyRouteComponent(() => import('./settings/KeysPage.tsx'), 'KeysPage'),
});

/** The router of the editor. */
export const router = createRouter({
  routeTree: root.addChildren([index, pipelines, editor, pipelineRuns, runs, run, models, keys]),
  defaultPreload: 'intent',
});

declare module '@tanstack/react-router' {
  interface Register {
    readonly router: typeof router;
  }
}
