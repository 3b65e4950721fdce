// What the answer's short words mean, said to a person.
import type { Blend, LedgerEntry } from './answer'

const REASONS: Record<string, [label: string, meaning: string]> = {
  session: ['session', 'goes with what you clicked just now'],
  profile: ['profile', 'fits what this customer bought over the months'],
  blend: ['both', 'session and profile agree on it'],
  popular: ['popular', 'what many others like'],
  trending: ['trending', 'more asked for now than usual'],
  new: ['new', 'just came into the shop'],
  pinned: ['pinned', 'a merchandiser fixed it to this place'],
  boosted: ['boosted', 'a merchandising rule lifts it'],
  rule: ['rule', 'a merchandising rule put it here'],
  fallback: ['fallback', 'fills up where nothing better was known'],
}

export const reasonLabel = (r: string): string => REASONS[r]?.[0] ?? r
export const reasonMeaning = (r: string): string => REASONS[r]?.[1] ?? 'a reason of the server that this page does not know'

const KINDS: Record<string, string> = {
  view: 'looked at',
  click: 'clicked',
  cart_add: 'put in the basket',
  cart_remove: 'took out of the basket',
  wish_add: 'wished for',
  wish_remove: 'no longer wishes for',
  purchase: 'bought',
  refund: 'returned',
  search: 'searched',
  dislike: 'turned down',
  identify: 'signed in',
  impression: 'saw',
  page: 'opened a page',
}

export const kindLabel = (k: string): string => KINDS[k] ?? k

const DEGRADED: Record<string, string> = {
  session: 'the session could not be read',
  profile: 'the profile could not be read',
  model: 'no model is loaded',
  catalog: 'no catalog is loaded',
  rules: 'the rules could not be read',
  after: 'the last click had not arrived',
  store: 'the store is slow or away',
  budget: 'the time for an answer ran out',
}

export const degradedMeaning = (d: string): string => DEGRADED[d] ?? d

const STAGES: Record<string, string> = {
  session: 'reading the session',
  profile: 'reading the profile',
  retrieve: 'choosing candidates',
  score: 'scoring',
  merchandise: 'the merchandising rules',
  merch: 'the merchandising rules',
  rank: 'the ranking',
  limit: 'the cut to the length of the list',
  catalog: 'the catalog',
}

export const stageLabel = (s: string): string => STAGES[s] ?? s

export const percent = (x: number): string => `${Math.round(100 * x)} %`

/** One sentence for the blend bar. */
export function blendSentence(b: Blend | null, customer: boolean, forced: boolean): string {
  if (!b) return 'Waiting for the first answer.'
  if (forced) return `You hold the slider: the session has ${percent(b.session)} of the say, the profile ${percent(b.profile)}.`
  if (b.session + b.profile < 0.005) return 'Nothing is known yet, so this is what others like. Click anything.'
  if (b.profile < 0.005) return customer ? 'Only this session speaks.' : 'A visitor without a past: only this session speaks.'
  if (b.session < 0.005) return 'No click yet: months of orders speak alone.'
  return `Your clicks have ${percent(b.session)} of the say, the past keeps ${percent(b.profile)}.`
}

export const money = (x: number): string => `£${x.toFixed(2)}`

/** A duration given in milliseconds. */
export function took(ms: number): string {
  if (ms < 0.095) return `${Math.round(ms * 1000)} µs`
  if (ms < 10) return `${ms.toFixed(2)} ms`
  return `${Math.round(ms)} ms`
}

export function ago(then: number, now: number): string {
  const s = Math.max(0, Math.round((now - then) / 1000))
  if (s < 2) return 'now'
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min`
  return `${Math.floor(s / 3600)} h`
}

export interface Stage {
  name: string
  ms: number
}

/** The stages of a Server-Timing header; a total is kept apart. */
export function stagesOf(header: string): { stages: Stage[]; total: number } {
  let total = -1
  const stages: Stage[] = []
  for (const part of header.split(',')) {
    const name = part.split(';')[0]?.trim() ?? ''
    const dur = /;\s*dur=([0-9.]+)/.exec(part)?.[1]
    if (!name || dur === undefined) continue
    if (name === 'total') total = Number(dur)
    else stages.push({ name, ms: Number(dur) })
  }
  return { stages, total: total >= 0 ? total : stages.reduce((t, s) => t + s.ms, 0) }
}

/** One line of an item's ledger. */
export function ledgerText(e: LedgerEntry): string {
  const what = e.rule ? `rule “${e.rule}”` : (e.signal ?? e.stage).replaceAll('_', ' ')
  const parts = [what]
  if (e.factor !== undefined && e.factor !== 0 && e.factor !== 1) parts.push(`× ${e.factor.toFixed(2)}`)
  if (e.moved_from) parts.push(`was in place ${e.moved_from}`)
  return parts.join(', ')
}

/** Shelf names: "home>lanterns & candles" → ["Home", "Lanterns & candles"]. */
export const shelfNames = (path: string): string[] => path.split('>').map((p) => p.charAt(0).toUpperCase() + p.slice(1))
