import { describe, expect, it } from 'vitest'
import { Client, type Surroundings } from '../src/client'

/** A world under control: answers are queued, time and later are ours. */
function world(answers: (() => Response)[] = []) {
  const calls: { url: string; body: Record<string, any>; init: RequestInit }[] = []
  const kept = new Map<string, string>()
  const later: { fn: () => void; ms: number }[] = []
  let n = 0
  const w = {
    calls,
    kept,
    later,
    at: 1_000_000,
    stored: [] as string[],
    env: {} as Surroundings,
    client: () => new Client(w.env),
  }
  w.env = {
    key: 'pk_demo',
    store: { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => void kept.set(k, v), removeItem: (k) => void kept.delete(k) },
    fetch: async (url, init) => {
      calls.push({ url, init, body: JSON.parse(String(init.body)) })
      return (answers.shift() ?? (() => json(202, { durability: 'os' })))()
    },
    now: () => w.at,
    id: () => `id-${++n}`,
    later: (fn, ms) => later.push({ fn, ms }),
    stored: (ids) => w.stored.push(...ids),
  }
  return w
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}) => new Response(JSON.stringify(body), { status, headers })
const list = () => json(200, { items: [], blend: { session: 0, profile: 0 }, degraded: [] }, { 'Server-Timing': 'score;dur=0.1' })

describe('events', () => {
  it('are sent as text with the key in the body and leave the queue when stored', async () => {
    const w = world()
    const c = w.client()
    const e = c.track('view', { item_id: 'A' })
    expect(c.pending).toHaveLength(1)
    await c.flush()
    const { url, init, body } = w.calls[0]!
    expect(url).toBe('/v1/events')
    expect(init.keepalive).toBe(true)
    expect(init.credentials).toBe('omit')
    expect(new Headers(init.headers).get('Content-Type')).toBe('text/plain')
    expect(body).toMatchObject({ key: 'pk_demo', consent: 'full', anonymous_id: 'id-1', session_id: 'id-2', events: [{ event_id: e.event_id, kind: 'view', item_id: 'A' }] })
    expect(c.pending).toHaveLength(0)
    expect(w.stored).toEqual([e.event_id])
  })

  it('stay with the same id through a failure and a reload', async () => {
    const w = world([() => json(503, {}, { 'Retry-After': '3' })])
    const c = w.client()
    const e = c.track('view', { item_id: 'A' })
    await c.flush()
    expect(c.pending).toHaveLength(1)
    expect(w.later.some((l) => l.ms >= 3000) || w.later.length === 1).toBe(true)
    const again = w.client()
    expect(again.pending[0]?.event_id).toBe(e.event_id)
    await again.flush()
    expect(w.calls[1]!.body.events[0]).toEqual(w.calls[0]!.body.events[0])
    expect(again.pending).toHaveLength(0)
  })

  it('that the server refuses for good do not block the queue', async () => {
    const w = world([() => json(422, {})])
    const c = w.client()
    c.track('view', { item_id: '' })
    await c.flush()
    expect(c.pending).toHaveLength(0)
    expect(w.stored).toEqual([])
  })

  it('survive a broken network', async () => {
    const w = world([
      () => {
        throw new TypeError('offline')
      },
    ])
    const c = w.client()
    c.track('view', { item_id: 'A' })
    await c.flush()
    expect(c.pending).toHaveLength(1)
  })

  it('are bounded', () => {
    const w = world()
    const c = w.client()
    for (let i = 0; i < 300; i++) c.track('view', { item_id: String(i) })
    expect(c.pending).toHaveLength(200)
    expect(c.pending[0]?.item_id).toBe('100')
  })

  it('go in batches of fifty', async () => {
    const w = world()
    const c = w.client()
    for (let i = 0; i < 120; i++) c.track('view', { item_id: String(i) })
    await Promise.all([c.flush(), c.flush()])
    expect(w.calls.map((x) => x.body.events.length)).toEqual([50, 50, 20])
  })
})

describe('recommendations', () => {
  it('carry what is still queued and demand it in the answer', async () => {
    const w = world([list])
    const c = w.client()
    const e = c.track('view', { item_id: 'A' })
    const r = await c.recommend({ placement: 'item' })
    expect(w.calls[0]!.url).toBe('/v1/recommendations')
    expect(w.calls[0]!.body).toMatchObject({ placement: 'item', key: 'pk_demo', after: e.event_id, events: [{ event_id: e.event_id }] })
    expect(r.timing).toBe('score;dur=0.1')
    expect(c.pending).toHaveLength(1) // only /v1/events acknowledges
  })

  it('send no key to the page’s own route', async () => {
    const w = world([list])
    await w.client().recommend({ placement: 'home' }, '/demo/recommendations')
    expect(w.calls[0]!.body.key).toBeUndefined()
  })

  it('say in words what the server refused', async () => {
    const w = world([() => json(404, { detail: 'no such placement' })])
    await expect(w.client().recommend({ placement: 'x' })).rejects.toThrow('no such placement')
  })
})

describe('the visitor', () => {
  it('is the same after a reload, and in a new session after half an hour', () => {
    const w = world()
    const a = w.client().identity
    w.at += 29 * 60_000
    const b = w.client().identity
    expect(b).toMatchObject({ anonymous_id: a.anonymous_id, session_id: a.session_id })
    w.at += 31 * 60_000
    const c = w.client().identity
    expect(c.anonymous_id).toBe(a.anonymous_id)
    expect(c.session_id).not.toBe(a.session_id)
  })

  it('keeps the session when signing in, and starts anew on reset', () => {
    const w = world()
    const c = w.client()
    const before = c.identity.session_id
    c.identify('17850')
    expect(c.identity).toMatchObject({ session_id: before, user_id: '17850' })
    c.reset()
    expect(c.identity.user_id).toBeUndefined()
    expect(c.identity.session_id).not.toBe(before)
    expect(c.last).toBeUndefined()
  })

  it('shops on where storage is refused', () => {
    const w = world()
    w.env.store.setItem = () => {
      throw new Error('refused')
    }
    expect(() => w.client().track('view', { item_id: 'A' })).not.toThrow()
  })
})
