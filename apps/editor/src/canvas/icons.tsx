import {
  Bell,
  Bot,
  Box,
  Braces,
  Clock,
  Code,
  Database,
  Globe,
  Hourglass,
  type LucideIcon,
  Mail,
  Merge,
  MessageSquare,
  Play,
  Repeat,
  Reply,
  ScanText,
  Search,
  Siren,
  Split,
  UserCheck,
  Webhook,
  Workflow,
} from 'lucide-react';

/** Icons that node types may name. A type with another name gets a plain box. */
export const ICONS: Readonly<Record<string, LucideIcon>> = {
  bell: Bell,
  bot: Bot,
  braces: Braces,
  clock: Clock,
  code: Code,
  database: Database,
  globe: Globe,
  hourglass: Hourglass,
  mail: Mail,
  merge: Merge,
  'message-square': MessageSquare,
  play: Play,
  repeat: Repeat,
  reply: Reply,
  'scan-text': ScanText,
  search: Search,
  siren: Siren,
  split: Split,
  'user-check': UserCheck,
  webhook: Webhook,
  workflow: Workflow,
};

/** The icon of a node type by its name. */
export function TypeIcon({ name, size = 16 }: { readonly name: string; readonly size?: number }) {
  const Icon = ICONS[name] ?? Box;
  return <Icon size={size} strokeWidth={2} aria-hidden />;
}
