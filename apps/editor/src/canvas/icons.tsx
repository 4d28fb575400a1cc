import { Bot, Box, Braces, Clock, Code, Globe, type LucideIcon, Play, Reply, Split, Webhook } from 'lucide-react';

/** Icons that node types may name. A type with another name gets a plain box. */
const ICONS: Readonly<Record<string, LucideIcon>> = {
  bot: Bot,
  braces: Braces,
  clock: Clock,
  code: Code,
  globe: Globe,
  play: Play,
  reply: Reply,
  split: Split,
  webhook: Webhook,
};

/** The icon of a node type by its name. */
export function TypeIcon({ name, size = 16 }: { readonly name: string; readonly size?: number }) {
  const Icon = ICONS[name] ?? Box;
  return <Icon size={size} strokeWidth={2} aria-hidden />;
}
