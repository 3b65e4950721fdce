// Package control is what our server is compared with: a bare Fiber app that
// reads a request and appends, by hand, an answer as long as ours. It is the
// ceiling of what this framework can do on this machine at this minute.
package control

import (
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/gofiber/fiber/v2"
)

// Path is the one route.
const Path = "/append"

// Answer says what is answered.
type Answer struct {
	Items int // slots
	Bytes int // length of the whole answer; shorter than the frame means no padding
}

// App is a Fiber app without middleware.
func App(a Answer) *fiber.App {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	plain := a.append(nil, 0)
	pad := make([]byte, max(a.Bytes-len(plain), 0))
	for i := range pad {
		pad[i] = 'x'
	}
	buffers := sync.Pool{New: func() any { return new([]byte) }}
	app.Post(Path, func(c *fiber.Ctx) error {
		b := buffers.Get().(*[]byte)
		defer buffers.Put(b)
		*b = a.finish(a.append((*b)[:0], len(c.Request().Body())), pad)
		res := c.Response()
		res.Header.SetContentType(fiber.MIMEApplicationJSON)
		res.SetBody(*b)
		return nil
	})
	return app
}

// Serve answers until the listener is closed.
func Serve(l net.Listener, a Answer) error {
	if err := App(a).Listener(l); err != nil {
		return fmt.Errorf("serve the control: %w", err)
	}
	return nil
}

// append writes an answer of the form of ours; every number is formatted anew.
func (a Answer) append(dst []byte, salt int) []byte {
	dst = append(dst, `{"recommendation_id":"0123456789abcdef0123456789abcdef0123456789abcdef","placement":"item","items":[`...)
	for i := range a.Items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"item_id":"item-`...)
		dst = strconv.AppendInt(dst, int64(1000+i), 10)
		dst = append(dst, `","slot":`...)
		dst = strconv.AppendInt(dst, int64(i+1), 10)
		dst = append(dst, `,"score":`...)
		dst = strconv.AppendFloat(dst, float64(9000-i*17-salt%7)/10000, 'g', -1, 64)
		dst = append(dst, `,"reason":"session"}`...)
	}
	return append(dst, `],"blend":{"session":1,"profile":0},"degraded":[],"pad":""}`...)
}

// finish puts the padding into its place.
func (a Answer) finish(dst, pad []byte) []byte {
	dst = append(dst[:len(dst)-2], pad...)
	return append(dst, `"}`...)
}
