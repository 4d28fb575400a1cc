import { Link, Outlet, useRouterState } from '@tanstack/react-router';
import { Boxes, History, KeyRound, Moon, Sun, Waypoints } from 'lucide-react';
import { useState } from 'react';
import { Notices } from '../ui/notices.tsx';
import { PocketBanner } from './PocketBanner.tsx';
import css from './shell.module.css';
import { chooseTheme, currentTheme } from './theme.ts';

const PLACES = [
  { to: '/pipelines', label: 'Pipelines', icon: Waypoints },
  { to: '/runs', label: 'Runs', icon: History },
  { to: '/settings/models', label: 'Models', icon: Boxes },
  { to: '/settings/keys', label: 'API', icon: KeyRound },
] as const;

/** Whether an address belongs to a place; runs of one pipeline belong to Pipelines. */
const isAt = (path: string, to: string): boolean => path === to || path.startsWith(`${to}/`);

/** The frame of every page: places at the left, the banner on top, messages in the corner. */
export function Shell() {
  const path = useRouterState({ select: (state) => state.location.pathname });
  return (
    <div className={css.shell}>
      <nav className={css.rail} aria-label="Places">
        <Link to="/pipelines" className={css.logo} aria-label="Switchyard, to the pipelines">
          <Logo />
        </Link>
        {PLACES.map(({ to, label, icon: Icon }) => (
          <Link key={to} to={to} className={css.place} aria-current={isAt(path, to) ? 'page' : undefined}>
            <Icon size={18} aria-hidden />
            <span>{label}</span>
          </Link>
        ))}
        <ThemeButton />
      </nav>
      <div className={css.main}>
        <PocketBanner />
        <main className={css.page}>
          <Outlet />
        </main>
      </div>
      <Notices />
    </div>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState(currentTheme);
  const next = theme === 'dark' ? 'light' : 'dark';
  const change = (): void => {
    chooseTheme(next);
    setTheme(next);
  };
  return (
    <button
      type="button"
      className={css.theme}
      aria-label={`Use ${next} colours`}
      title={`Use ${next} colours`}
      onClick={change}
    >
      {theme === 'dark' ? <Sun size={17} /> : <Moon size={17} />}
    </button>
  );
}

const Logo = () => (
  <svg viewBox="0 0 32 32" width="30" height="30" aria-hidden>
    <rect width="32" height="32" rx="8" fill="var(--accent)" />
    <g fill="none" stroke="var(--on-accent)" strokeWidth="2.6" strokeLinecap="round">
      <path d="M6 16h6c5 0 5-7 10-7h4" />
      <path d="M12 16c5 0 5 7 10 7h4" />
    </g>
  </svg>
);
