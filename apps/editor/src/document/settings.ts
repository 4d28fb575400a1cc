import { type PipelineDocument, Settings } from '@switchyard/pipeline';

/** What holds where a document says nothing. */
export const DEFAULT_SETTINGS: Settings = Settings.parse({});

/** The settings of a document, those in force by default included. */
export const settingsOf = (document: Pick<PipelineDocument, 'settings'>): Settings =>
  document.settings ?? DEFAULT_SETTINGS;

/** One setting changed; `undefined` takes it away. A document whose settings are all defaults has none, so it stays the revision it was. */
export function withSetting<Name extends keyof Settings>(
  document: PipelineDocument,
  name: Name,
  value: Settings[Name] | undefined,
): PipelineDocument {
  const { settings: before, ...rest } = document;
  const { [name]: _old, ...others } = before ?? DEFAULT_SETTINGS;
  const next = Settings.parse(value === undefined ? others : { ...others, [name]: value });
  return JSON.stringify(sorted(next)) === JSON.stringify(sorted(DEFAULT_SETTINGS)) ? rest : { ...rest, settings: next };
}

const sorted = (settings: Settings) => Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));
