// Where in the shop the visitor stands, kept in the address after the #.

export type Route =
  | { at: 'home' }
  | { at: 'shelf'; path: string }
  | { at: 'item'; id: string }
  | { at: 'cart' }
  | { at: 'search'; query: string }

export function parse(hash: string): Route {
  const [head = '', ...rest] = hash.replace(/^#\/?/, '').split('/')
  const arg = decode(rest.join('/'))
  if (head === 'item' && arg) return { at: 'item', id: arg }
  if (head === 'shelf' && arg) return { at: 'shelf', path: arg }
  if (head === 'search' && arg) return { at: 'search', query: arg }
  if (head === 'cart') return { at: 'cart' }
  return { at: 'home' }
}

const decode = (s: string): string => {
  try {
    return decodeURIComponent(s)
  } catch {
    return ''
  }
}

export function href(r: Route): string {
  switch (r.at) {
    case 'item':
      return `#/item/${encodeURIComponent(r.id)}`
    case 'shelf':
      return `#/shelf/${encodeURIComponent(r.path)}`
    case 'search':
      return `#/search/${encodeURIComponent(r.query)}`
    case 'cart':
      return '#/cart'
    default:
      return '#/'
  }
}
