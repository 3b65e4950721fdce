// The shapes that go over the wire, as far as the page reads them.

export interface Tile {
  id: string
  name: string
  price: number
  category: string
  colour?: string
  material?: string
  pattern?: string
}

export interface Customer {
  id: string
  label: string
  text: string
  leaning: string
  orders: number
}

export interface LedgerEntry {
  stage: string
  signal?: string
  rule?: string
  value?: number
  factor?: number
  moved_from?: number
}

export interface Ranked {
  item_id: string
  slot: number
  score: number
  reason: string
  ledger?: LedgerEntry[]
}

export interface WhyNot {
  item_id: string
  stage: string
  detail?: string
}

export interface Blend {
  session: number
  profile: number
}

export interface Explanation {
  candidates?: Record<string, number>
  drops?: Record<string, number>
  why_not?: WhyNot[]
}

export interface Answer extends Explanation {
  recommendation_id: string
  placement: string
  items: Ranked[]
  blend: Blend
  session?: { session_id: string; events: number; last_event_id?: string } | null
  degraded: string[]
  versions?: Record<string, string>
  explanation?: Explanation
}

export interface RecentEvent {
  event_id: string
  kind: string
  item_id?: string
  ts: string
}

export interface VisitorView {
  session: null | { session_id: string; events: number; recent_events: RecentEvent[] }
  profile: unknown
}

/** The explanation, whether it stands in the answer or beside its items. */
export const explanationOf = (a: Answer): Explanation => a.explanation ?? a
