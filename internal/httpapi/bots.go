package httpapi

import (
	"bytes"
	"sync"

	"github.com/x-way/crawlerdetect"
)

const (
	maxAgents   = 4096 // verdicts kept; a full cache starts again
	maxAgentLen = 512
)

// botCache remembers whether a user agent is a crawler: the detector runs some
// thousand patterns, and a shop sees few different agents.
type botCache struct {
	mu       sync.RWMutex
	verdicts map[string]bool
}

func newBotCache() *botCache { return &botCache{verdicts: map[string]bool{}} }

// isBot reports whether a user agent is a crawler. An agent that says nothing
// counts as one: browsers always say something.
func (b *botCache) isBot(agent []byte) bool {
	if len(agent) == 0 {
		return true
	}
	agent = agent[:min(len(agent), maxAgentLen)]
	b.mu.RLock()
	bot, known := b.verdicts[string(agent)]
	b.mu.RUnlock()
	if known {
		return bot
	}
	name := string(agent)
	bot = crawlerdetect.IsCrawler(name)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.verdicts) >= maxAgents {
		b.verdicts = make(map[string]bool, maxAgents)
	}
	b.verdicts[name] = bot
	return bot
}

// isBot reports whether a program is behind this request rather than a person.
// Under a secret key the agent is the shop's own server, which says nothing
// about the visitor; the body may still say that a browser is automated.
// A bot is never refused: it is only kept out of what others see.
func (c *call) isBot() bool {
	if bytes.Contains(c.body, []byte(`"webdriver":true`)) || string(c.rc.QueryArgs().Peek("webdriver")) == "1" {
		return true
	}
	return !c.secret() && c.s.bots.isBot(c.rc.Request.Header.UserAgent())
}

// gpc reports a browser's Global Privacy Control.
func (c *call) gpc() bool { return string(c.header("Sec-Gpc")) == "1" }
