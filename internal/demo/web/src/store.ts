// The shop's one state and what can be done to it. Views read a snapshot and
// call methods; nothing else talks to the server.
import { explanationOf, type Answer, type Blend, type Customer, type Explanation, type Ranked, type Tile, type VisitorView, type WhyNot } from './answer'
import type { Client, Sent } from './client'
import { find, index, type Index } from './find'
import { movesOf, tell, type Move } from './moves'
import { href, parse, type Route } from './route'
import { stagesOf, type Stage } from './words'

export interface List {
  placement: string
  of: string // what the list belongs to: the item, the query; moves are shown within one list
  items: Ranked[]
  moves: Map<string, Move>
  recommendation: string
}

export interface Logged {
  id: string
  kind: string
  item?: string
  query?: string
  at: number
  state: 'sent' | 'stored' | 'restored'
}

export interface Last {
  blend: Blend
  degraded: string[]
  stages: Stage[]
  server: number
  took: number
  at: number
  versions: Record<string, string>
}

export interface Why {
  item: string
  placement: string
  ranked: Ranked | null
  explanation: Explanation
}

export interface State {
  ready: boolean
  problem: string
  tiles: ReadonlyMap<string, Tile>
  items: readonly Tile[]
  customers: readonly Customer[]
  customer: Customer | null
  route: Route
  held: number | null // the blend in hand, null: the rule decides
  home: List | null
  beside: List | null // the list of the page in view: item, cart or search
  log: readonly Logged[]
  sessionEvents: number
  restored: boolean
  cart: readonly string[]
  wished: ReadonlySet<string>
  last: Last | null
  said: string // for the live region
  busy: boolean
  why: Why | null
  whyNot: { item: string; placement: string; found: WhyNot | null; slot: number } | null
}

const HOME = 12
const SHOWN: Record<string, number> = { item: 12, cart: 8, search: 24 }
const LOG = 40

export class Shop {
  state: State = {
    ready: false, problem: '', tiles: new Map(), items: [], customers: [], customer: null, route: { at: 'home' }, held: null,
    home: null, beside: null, log: [], sessionEvents: 0, restored: false, cart: [], wished: new Set(), last: null, said: '', busy: false, why: null, whyNot: null,
  }
  private listeners = new Set<() => void>()
  private asked = 0
  private idx: Index = []

  constructor(private readonly client: Client, private readonly fetch: (url: string) => Promise<Response>, private readonly now: () => number) {}

  subscribe(fn: () => void): () => void {
    this.listeners.add(fn)
    return () => this.listeners.delete(fn)
  }

  private set(change: Partial<State>): void {
    this.state = { ...this.state, ...change }
    for (const fn of this.listeners) fn()
  }

  /** Loads catalog, customers and the running session, then the first lists. */
  async open(hash: string): Promise<void> {
    try {
      const who = this.client.identity
      const [catalog, people, view] = await Promise.all([
        this.read<{ items: Tile[] }>('/demo/catalog'),
        this.read<{ customers: Customer[] }>('/demo/customers'),
        this.read<VisitorView>(`/demo/session?anonymous_id=${encodeURIComponent(who.anonymous_id)}`),
      ])
      this.idx = index(catalog.items)
      this.set({
        items: catalog.items,
        tiles: new Map(catalog.items.map((t) => [t.id, t])),
        customers: people.customers,
        customer: people.customers.find((c) => c.id === who.user_id) ?? null,
        route: parse(hash),
        ready: true,
        ...restore(view, who.session_id),
      })
    } catch {
      this.set({ problem: 'The shop could not be loaded. Is the server still running?' })
      return
    }
    await this.refresh()
  }

  private async read<T>(url: string): Promise<T> {
    const res = await this.fetch(url)
    if (!res.ok) throw new Error(`${url}: ${res.status}`)
    return (await res.json()) as T
  }

  search(query: string, limit: number): Tile[] {
    return find(this.idx, query, limit)
  }

  /** The address changed: a new page of the shop, told to the server where it says something. */
  async go(hash: string): Promise<void> {
    const route = parse(hash)
    this.set({ route, beside: keepsList(this.state, route) ? this.state.beside : null, whyNot: null })
    if (route.at === 'item' && this.state.tiles.has(route.id)) this.note(this.client.track('view', { item_id: route.id, ...this.origin(route.id) }))
    if (route.at === 'search') this.note(this.client.track('search', { query: route.query }))
    await this.refresh()
  }

  /** A click on a recommended tile; the page of the item tells the view. */
  clicked(list: List, r: Ranked): void {
    this.note(this.client.track('click', { item_id: r.item_id, recommendation_id: list.recommendation, slot: r.slot }))
  }

  private origin(id: string): Partial<Sent> {
    for (const list of [this.state.beside, this.state.home]) {
      const r = list?.items.find((x) => x.item_id === id)
      if (list && r) return { recommendation_id: list.recommendation, slot: r.slot }
    }
    return {}
  }

  async cartAdd(id: string): Promise<void> {
    this.set({ cart: [...this.state.cart.filter((x) => x !== id), id] })
    await this.told('cart_add', id)
  }

  async cartRemove(id: string): Promise<void> {
    this.set({ cart: this.state.cart.filter((x) => x !== id) })
    await this.told('cart_remove', id)
  }

  async wish(id: string): Promise<void> {
    const wished = new Set(this.state.wished)
    const had = wished.delete(id)
    if (!had) wished.add(id)
    this.set({ wished })
    await this.told(had ? 'wish_remove' : 'wish_add', id)
  }

  async dislike(id: string): Promise<void> {
    await this.told('dislike', id)
  }

  private async told(kind: string, id: string): Promise<void> {
    const price = this.state.tiles.get(id)?.price ?? 0
    this.note(this.client.track(kind, { item_id: id, quantity: 1, price, currency: 'GBP', ...this.origin(id) }))
    await this.refresh()
  }

  async buy(): Promise<void> {
    const items = this.state.cart.map((id) => ({ item_id: id, quantity: 1, price: this.state.tiles.get(id)?.price ?? 0 }))
    if (!items.length) return
    this.note(this.client.track('purchase', { items, currency: 'GBP' }))
    this.set({ cart: [] })
    await this.refresh()
  }

  /**
   * Becomes somebody else. A new visitor who signs in keeps the session; one
   * customer after another on the same device starts a new one.
   */
  async become(customer: Customer | null): Promise<void> {
    if (customer && !this.state.customer) {
      this.set({ customer })
      this.note(this.client.identify(customer.id))
    } else {
      this.client.reset(customer?.id)
      this.set({ customer, log: [], cart: [], wished: new Set(), sessionEvents: 0, restored: false, beside: null })
      if (customer) this.note(this.client.identify(customer.id))
    }
    await this.refresh()
  }

  /** Holds the blend at a, or gives it back to the rule. */
  async hold(a: number | null): Promise<void> {
    this.set({ held: a })
    await this.refresh()
  }

  stored(ids: string[]): void {
    const done = new Set(ids)
    this.set({ log: this.state.log.map((e) => (done.has(e.id) && e.state === 'sent' ? { ...e, state: 'stored' } : e)) })
  }

  private note(e: Sent): void {
    const entry: Logged = { id: e.event_id, kind: e.kind, at: this.now(), state: 'sent' }
    if (e.item_id) entry.item = e.item_id
    if (e.query) entry.query = e.query
    this.set({ log: [entry, ...this.state.log].slice(0, LOG), sessionEvents: this.state.sessionEvents + 1 })
  }

  /** Asks for the lists in view; an answer that a later question overtook is dropped. */
  async refresh(): Promise<void> {
    const turn = ++this.asked
    this.set({ busy: true })
    const second = this.second()
    try {
      const [home, beside] = await Promise.all([this.ask({ placement: 'home', limit: HOME }), second ? this.ask(second) : null])
      if (turn !== this.asked) return
      this.show(home, beside, second)
    } catch (e) {
      if (turn === this.asked) this.set({ busy: false, problem: e instanceof TypeError ? 'The server cannot be reached. The shop goes on and sends your clicks later.' : (e as Error).message })
    }
  }

  private ask(body: Record<string, unknown>) {
    const { held } = this.state
    return held === null ? this.client.recommend(body) : this.client.recommend({ ...body, blend: { a: held } }, '/demo/recommendations')
  }

  /** The request for the list of the page in view. */
  private second(): ({ placement: string; limit: number } & Record<string, unknown>) | null {
    const { route, cart } = this.state
    switch (route.at) {
      case 'item':
        return { placement: 'item', limit: SHOWN.item!, context: { item_id: route.id } }
      case 'cart':
        return cart.length ? { placement: 'cart', limit: SHOWN.cart!, context: { cart: cart.slice() } } : null
      case 'search': {
        const hits = this.search(route.query, 500).map((t) => t.id)
        return hits.length ? { placement: 'search', limit: Math.min(SHOWN.search!, hits.length), context: { query: route.query }, candidates: hits } : null
      }
      default:
        return null
    }
  }

  private show(home: Answered, beside: Answered | null, second: { placement: string } | null): void {
    const s = this.state
    const of = href(s.route)
    const newHome = toList(home.answer, 'you', s.home)
    const newBeside = beside && second ? toList(beside.answer, of, s.beside) : null
    const lead = beside ?? home
    const { stages, total } = stagesOf(lead.timing)
    const name = (l: List) => s.tiles.get(l.items[0]?.item_id ?? '')?.name ?? 'nothing'
    const said = [tell('For you', newHome.moves, name(newHome)), newBeside ? tell('Next best', newBeside.moves, name(newBeside)) : ''].filter(Boolean).join(' ')
    this.set({
      busy: false,
      problem: '',
      home: newHome,
      beside: newBeside,
      said: said || s.said,
      sessionEvents: lead.answer.session?.events ?? s.sessionEvents,
      last: {
        blend: home.answer.blend, degraded: [...new Set([...home.answer.degraded, ...(beside?.answer.degraded ?? [])])],
        stages, server: total, took: Math.max(home.took, beside?.took ?? 0), at: this.now(), versions: lead.answer.versions ?? {},
      },
    })
  }

  private context(placement: string): Record<string, unknown> {
    const second = this.second()
    return second && second.placement === placement ? second : { placement: 'home', limit: HOME }
  }

  /** The ledger of an item in a list: why is this here? */
  async explain(placement: string, item: string): Promise<void> {
    const a = await this.inProcess({ ...this.context(placement), explain: true })
    if (a) this.set({ why: { item, placement, ranked: a.items.find((r) => r.item_id === item) ?? null, explanation: explanationOf(a) } })
  }

  closeWhy(): void {
    this.set({ why: null })
  }

  /** Why an item is not in the list in view. */
  async askWhyNot(item: string): Promise<void> {
    const placement = this.second()?.placement ?? 'home'
    const a = await this.inProcess({ ...this.context(placement), explain: true, why_not: [item] })
    if (!a) return
    const slot = a.items.find((r) => r.item_id === item)?.slot ?? 0
    const found = explanationOf(a).why_not?.find((w) => w.item_id === item) ?? null
    this.set({ whyNot: { item, placement, found, slot } })
  }

  private async inProcess(body: Record<string, unknown>): Promise<Answer | null> {
    const { held } = this.state
    try {
      const r = await this.client.recommend({ ...body, ...(held === null ? {} : { blend: { a: held } }) }, '/demo/recommendations')
      return r.answer
    } catch (e) {
      this.set({ problem: (e as Error).message })
      return null
    }
  }
}

type Answered = { answer: Answer; timing: string; took: number }

/** Whether the list beside stays on screen until the next answer is there. */
const keepsList = (s: State, next: Route): boolean => s.route.at === next.at && s.beside !== null

/** A list shows how it moved against the one that stood in its place. */
function toList(a: Answer, of: string, before: List | null): List {
  const ids = a.items.map((r) => r.item_id)
  const old = before && before.placement === a.placement ? before.items.map((r) => r.item_id) : null
  return { placement: a.placement, of, items: a.items, moves: movesOf(old, ids), recommendation: a.recommendation_id }
}

/** What the server remembers of the session, put back on the screen. */
export function restore(view: VisitorView, session: string): Pick<State, 'log' | 'cart' | 'wished' | 'sessionEvents' | 'restored'> {
  const s = view.session
  if (!s || (s.session_id && s.session_id !== session)) return { log: [], cart: [], wished: new Set(), sessionEvents: 0, restored: false }
  const cart: string[] = []
  const wished = new Set<string>()
  const drop = (id: string) => cart.includes(id) && cart.splice(cart.indexOf(id), 1)
  for (const e of [...s.recent_events].reverse()) {
    const id = e.item_id ?? ''
    if (e.kind === 'cart_add') drop(id), cart.push(id)
    if (e.kind === 'cart_remove') drop(id)
    if (e.kind === 'purchase') cart.length = 0
    if (e.kind === 'wish_add') wished.add(id)
    if (e.kind === 'wish_remove') wished.delete(id)
  }
  const log = s.recent_events.slice(0, LOG).map((e): Logged => {
    const entry: Logged = { id: e.event_id, kind: e.kind, at: Date.parse(e.ts), state: 'restored' }
    if (e.item_id) entry.item = e.item_id
    return entry
  })
  return { log, cart, wished, sessionEvents: s.events, restored: s.events > 0 }
}
