// A small client for the two calls that a publishable key may make: a queue
// of events that survives a reload and is flushed before the page is left, and
// recommendations that carry what is still queued, so that an answer always
// knows the click that asked for it.
import type { Answer } from './answer'

export interface Identity {
  anonymous_id: string
  session_id: string
  user_id?: string
  seen: number
}

export interface Sent {
  event_id: string
  kind: string
  ts: string
  item_id?: string
  query?: string
  quantity?: number
  price?: number
  currency?: string
  recommendation_id?: string
  slot?: number
  items?: { item_id: string; quantity: number; price: number }[]
}

export interface Reply {
  answer: Answer
  timing: string
  took: number
}

export interface Surroundings {
  key: string
  store: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>
  fetch: (url: string, init: RequestInit) => Promise<Response>
  now: () => number
  id: () => string
  later: (fn: () => void, ms: number) => unknown
  stored?: (ids: string[], durability: string) => void
}

const IDLE = 30 * 60 * 1000
const BATCH = 50
const KEPT = 200
const WAIT = 400

export class Client {
  private queue: Sent[]
  private who: Identity
  private flushing: Promise<void> | null = null
  private planned = false
  private failures = 0
  last: string | undefined

  constructor(private readonly env: Surroundings) {
    this.queue = this.read<Sent[]>('nb-demo-queue') ?? []
    this.who = this.read<Identity>('nb-demo-who') ?? this.fresh()
    if (env.now() - this.who.seen > IDLE) this.who = { ...this.who, session_id: env.id() }
    this.keep()
    if (this.queue.length) this.plan(WAIT)
  }

  get identity(): Readonly<Identity> {
    return this.who
  }

  get pending(): readonly Sent[] {
    return this.queue
  }

  /** Becomes a visitor that nobody knows, in a session of its own. */
  reset(userID?: string): void {
    this.who = this.fresh()
    if (userID) this.who.user_id = userID
    this.last = undefined
    this.keep()
  }

  /** Says who the visitor is: the running session goes on. */
  identify(userID: string): Sent {
    this.who = { ...this.who, user_id: userID }
    return this.track('identify', {})
  }

  track(kind: string, fields: Omit<Sent, 'event_id' | 'kind' | 'ts'>): Sent {
    const now = this.env.now()
    if (now - this.who.seen > IDLE) this.who = { ...this.who, session_id: this.env.id() }
    this.who = { ...this.who, seen: now }
    const e: Sent = { event_id: this.env.id(), kind, ts: new Date(now).toISOString(), ...fields }
    this.queue = [...this.queue, e].slice(-KEPT)
    this.last = e.event_id
    this.keep()
    this.plan(WAIT)
    return e
  }

  /** Sends what is queued; the server keeps an event once however often it comes. */
  flush(): Promise<void> {
    this.flushing ??= this.send().finally(() => {
      this.flushing = null
    })
    return this.flushing
  }

  /** Asks for a list. `path` is the public call or the demo's own. */
  async recommend(body: Record<string, unknown>, path = '/v1/recommendations'): Promise<Reply> {
    const events = this.queue.slice(-BATCH)
    const full = { ...this.names(), ...body, ...(events.length ? { events } : {}), ...(this.last ? { after: this.last } : {}) }
    const start = performance.now()
    const res = await this.env.fetch(path, this.post(path.startsWith('/v1/') ? { ...full, key: this.env.key } : full))
    const took = performance.now() - start
    if (!res.ok) throw new Error(await problemOf(res))
    return { answer: (await res.json()) as Answer, timing: res.headers.get('Server-Timing') ?? '', took }
  }

  private async send(): Promise<void> {
    while (this.queue.length) {
      const batch = this.queue.slice(0, BATCH)
      const body = { ...this.names(), key: this.env.key, sent_at: new Date(this.env.now()).toISOString(), events: batch }
      let res: Response
      try {
        res = await this.env.fetch('/v1/events', { ...this.post(body), keepalive: true })
      } catch {
        return this.retry()
      }
      if (res.status === 408 || res.status === 429 || res.status >= 500) return this.retry(Number(res.headers.get('Retry-After')) * 1000)
      this.failures = 0
      const gone = new Set(batch.map((e) => e.event_id))
      this.queue = this.queue.filter((e) => !gone.has(e.event_id))
      this.keep()
      if (res.ok) this.env.stored?.([...gone], ((await res.json()) as { durability?: string }).durability ?? '')
    }
  }

  private retry(after = 0): void {
    this.failures++
    this.plan(Math.max(after || 0, Math.min(30_000, 500 * 2 ** this.failures)))
  }

  private plan(ms: number): void {
    if (this.planned) return
    this.planned = true
    this.env.later(() => {
      this.planned = false
      void this.flush()
    }, ms)
  }

  private names(): Record<string, unknown> {
    const { anonymous_id, session_id, user_id } = this.who
    return { anonymous_id, session_id, ...(user_id ? { user_id } : {}), consent: 'full' }
  }

  private post(body: unknown): RequestInit {
    return { method: 'POST', credentials: 'omit', headers: { 'Content-Type': 'text/plain' }, body: JSON.stringify(body) }
  }

  private fresh(): Identity {
    return { anonymous_id: this.env.id(), session_id: this.env.id(), seen: this.env.now() }
  }

  private keep(): void {
    try {
      this.env.store.setItem('nb-demo-who', JSON.stringify(this.who))
      this.env.store.setItem('nb-demo-queue', JSON.stringify(this.queue))
    } catch {
      // A browser without storage shops on; only a reload forgets.
    }
  }

  private read<T>(name: string): T | null {
    try {
      return JSON.parse(this.env.store.getItem(name) ?? 'null') as T | null
    } catch {
      return null
    }
  }
}

async function problemOf(res: Response): Promise<string> {
  try {
    const p = (await res.json()) as { detail?: string }
    return p.detail ?? `The server answered ${res.status}.`
  } catch {
    return `The server answered ${res.status}.`
  }
}
