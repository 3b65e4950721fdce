import { describe, expect, it } from 'vitest'
import type { Tile } from '../src/answer'
import { find, index } from '../src/find'
import { glyphOf, hash } from '../src/glyphs'
import { movesOf, tell } from '../src/moves'
import { href, parse, type Route } from '../src/route'
import { restore } from '../src/store'
import { ago, blendSentence, ledgerText, stagesOf, took } from '../src/words'

describe('moves', () => {
  it('say where each item went', () => {
    const m = movesOf(['a', 'b', 'c'], ['c', 'x', 'a'])
    expect(Object.fromEntries(m)).toEqual({ c: { kind: 'up', by: 2 }, x: { kind: 'new' }, a: { kind: 'down', by: 2 } })
  })
  it('are none without a list before', () => {
    expect([...movesOf(null, ['a', 'b']).values()].every((m) => m.kind === 'same')).toBe(true)
  })
  it('are told in one sentence', () => {
    expect(tell('For you', movesOf(['a', 'b'], ['b', 'c']), 'Bunting')).toBe('For you changed: 1 new, 1 up. First is Bunting.')
    expect(tell('For you', movesOf(['a'], ['a']), 'Bunting')).toBe('')
  })
})

const tile = (id: string, name: string, category = 'home>lights'): Tile => ({ id, name, category, price: 1 })

describe('search', () => {
  const idx = index([tile('1', 'Red Lantern'), tile('2', 'Lantern Red Small'), tile('3', 'White Bag', 'bags')])
  it('wants every word, names that begin so first', () => {
    expect(find(idx, 'lantern red', 9).map((t) => t.id)).toEqual(['2', '1'])
  })
  it('knows plurals, categories and numbers', () => {
    expect(find(idx, 'lanterns', 9)).toHaveLength(2)
    expect(find(idx, 'bags', 9).map((t) => t.id)).toEqual(['3'])
    expect(find(idx, '2', 9).map((t) => t.id)).toEqual(['2'])
  })
  it('finds nothing for nothing', () => {
    expect(find(idx, ' !? ', 9)).toEqual([])
  })
})

describe('addresses', () => {
  it('come back as they went', () => {
    const routes: Route[] = [{ at: 'home' }, { at: 'cart' }, { at: 'item', id: '85123A' }, { at: 'shelf', path: 'home>lanterns & candles' }, { at: 'search', query: '50% / off' }]
    for (const r of routes) expect(parse(href(r))).toEqual(r)
  })
  it('that are broken lead home', () => {
    for (const h of ['', '#', '#/item/', '#/nowhere/x', '#/search/%E0%A4%A']) expect(parse(h)).toEqual({ at: 'home' })
  })
})

describe('words', () => {
  it('read a Server-Timing header', () => {
    expect(stagesOf('session;dur=0.02, score;desc="x";dur=0.1, total;dur=0.5')).toEqual({ stages: [{ name: 'session', ms: 0.02 }, { name: 'score', ms: 0.1 }], total: 0.5 })
    expect(stagesOf('').stages).toEqual([])
    expect(stagesOf('score;dur=0.1').total).toBeCloseTo(0.1)
  })
  it('give times a person can read', () => {
    expect([took(0.004), took(0.42), took(12.6)]).toEqual(['4 µs', '0.42 ms', '13 ms'])
    expect([ago(0, 900), ago(0, 5000), ago(0, 120_000)]).toEqual(['now', '5 s', '2 min'])
  })
  it('explain the blend', () => {
    expect(blendSentence({ session: 0, profile: 0 }, false, false)).toContain('Nothing is known')
    expect(blendSentence({ session: 0.7, profile: 0.3 }, true, false)).toContain('70 %')
    expect(blendSentence({ session: 0.2, profile: 0.8 }, true, true)).toContain('slider')
  })
  it('read a line of the ledger', () => {
    expect(ledgerText({ stage: 'boost', rule: 'spring', factor: 2, moved_from: 7 })).toBe('rule “spring”, × 2.00, was in place 7')
  })
})

describe('a session read again', () => {
  const view = (events: [string, string?][], id = 's') => ({
    session: { session_id: id, events: events.length, recent_events: events.map(([kind, item_id], i) => ({ event_id: `e${i}`, kind, ts: '2026-01-01T00:00:00.000Z', ...(item_id ? { item_id } : {}) })) },
    profile: null,
  })
  it('gives back basket and wishes', () => {
    const r = restore(view([['wish_add', 'W'], ['cart_remove', 'A'], ['cart_add', 'B'], ['cart_add', 'A']]), 's')
    expect(r.cart).toEqual(['B'])
    expect([...r.wished]).toEqual(['W'])
    expect(r.sessionEvents).toBe(4)
    expect(r.log[0]).toMatchObject({ kind: 'wish_add', state: 'restored' })
  })
  it('has an empty basket after a purchase', () => {
    expect(restore(view([['purchase'], ['cart_add', 'A']]), 's').cart).toEqual([])
  })
  it('of another time is not this one', () => {
    expect(restore(view([['cart_add', 'A']], 'old'), 's').cart).toEqual([])
    expect(restore({ session: null, profile: null }, 's').restored).toBe(false)
  })
})

describe('pictures', () => {
  it('are the same every time and exist for every shelf', () => {
    expect(hash('85123A')).toBe(hash('85123A'))
    expect(glyphOf('home>lanterns & candles', 'White Lantern')).not.toBe(glyphOf('home>lanterns & candles', 'Candle'))
    expect(glyphOf('nowhere')).toContain('<path')
  })
})
