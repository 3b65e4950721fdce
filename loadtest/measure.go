package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/nextbest/nextbest/loadtest/control"
	"github.com/nextbest/nextbest/loadtest/pace"
	"github.com/nextbest/nextbest/loadtest/proc"
	"github.com/nextbest/nextbest/loadtest/replay"
	"github.com/nextbest/nextbest/loadtest/wire"
)

// settings are the flags of run.
type settings struct {
	target
	mode, placement    string
	rate               float64
	closed             bool
	conns, items       int
	duration, warmup   time.Duration
	rounds, clientCore int
	control, json      bool
	sessions           string
	seed               uint64
}

func runCommand(ctx context.Context, args []string, out, log io.Writer) error {
	s, err := readSettings(args, log)
	if err != nil {
		return err
	}
	sessions, err := s.load()
	if err != nil {
		return err
	}
	var l pace.Load
	if l, err = s.plan(sessions); err != nil {
		return err
	}
	stop, err := s.up(ctx, sessions, log, &l.Addr, &l.Key)
	if err != nil {
		return err
	}
	if err := proc.PinSelf(s.clientCore); err != nil {
		return errors.Join(err, stop())
	}
	report, err := s.measure(ctx, l, log)
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	if s.json {
		return printJSON(out, report)
	}
	return report.print(out)
}

func readSettings(args []string, log io.Writer) (*settings, error) {
	var s settings
	f := flags("run", log)
	s.flags(f)
	s.attachFlags(f)
	f.StringVar(&s.mode, "mode", "inline", "events, recommendations, inline (a click in the request, ack:true), pairs (an event, then a request after it) or mixed (two events per request)")
	f.StringVar(&s.placement, "placement", "item", "placement to ask for")
	f.Float64Var(&s.rate, "rate", 1000, "open loop: units a second (mixed: requests for recommendations)")
	f.BoolVar(&s.closed, "closed", false, "closed loop: every connection sends as fast as it is answered")
	f.IntVar(&s.conns, "conns", 32, "connections")
	f.IntVar(&s.items, "items", 20, "items to ask for, and to find in an answer; 0 asks for 20 and does not count")
	f.DurationVar(&s.duration, "duration", 10*time.Second, "of one measurement")
	f.DurationVar(&s.warmup, "warmup", 2*time.Second, "before each measurement")
	f.IntVar(&s.rounds, "rounds", 3, "rounds of control, ours, control")
	f.BoolVar(&s.control, "control", true, "measure the control too")
	f.IntVar(&s.clientCore, "client-core", proc.AnyCore, "core to pin this client to; -1 pins nothing")
	f.StringVar(&s.sessions, "sessions", "", "file of sessions to replay (_sessions.txt or SessionId ItemId Time); a power law when empty")
	f.Uint64Var(&s.seed, "seed", 1, "of the generated sessions and the order of replay")
	f.BoolVar(&s.json, "json", false, "print one JSON object")
	return &s, parse(f, args)
}

// load reads or makes the sessions.
func (s *settings) load() (*replay.Sessions, error) {
	if s.sessions != "" {
		return replay.Read(s.sessions)
	}
	return replay.Generate(s.seed, 20_000, 5_000), nil
}

// plan turns the mode into requests.
func (s *settings) plan(sessions *replay.Sessions) (pace.Load, error) {
	b := replay.Bodies{Placement: s.placement, Limit: cmp.Or(s.items, 20)}
	event := pace.Op{Name: "events", Path: "/v1/events", Build: b.Events, Want: `"accepted":1`}
	ask := func(after bool) pace.Op {
		return pace.Op{Name: "recommendations", Path: "/v1/recommendations", Items: s.items,
			Build: func(dst []byte, st *replay.Step, _ int64) []byte {
				if after {
					return b.Recommend(dst, st, st.EventID)
				}
				return b.Recommend(dst, st, "")
			}}
	}
	inline := pace.Op{Name: "inline", Path: "/v1/recommendations", Build: b.Inline, Items: s.items, Want: `"accepted":1`}
	plans := map[string][]pace.Unit{
		"events": {{event}}, "recommendations": {{ask(false)}}, "inline": {{inline}},
		"pairs": {{event, ask(true)}}, "mixed": {{event}, {ask(false)}, {event}},
	}
	l := pace.Load{
		Plan: plans[s.mode], Rate: s.rate, Conns: s.conns, Warmup: s.warmup, Duration: s.duration,
	}
	if len(l.Plan) == 0 {
		return l, fmt.Errorf("--mode %q: events, recommendations, inline, pairs or mixed", s.mode)
	}
	l.Rate *= float64(len(l.Plan))
	l.Cursor = func(worker int) *replay.Cursor { // new visitors in each measurement
		name := fmt.Sprintf("%x-%d", time.Now().UnixNano(), worker)
		return sessions.Cursor(s.seed+uint64(worker), name, 32)
	}
	return l, nil
}

// train gives the server a model of the sessions that are replayed.
func train(ctx context.Context, server *proc.Nextbest, sessions *replay.Sessions, log io.Writer) error {
	f, err := os.CreateTemp("", "*_sessions.txt")
	if err != nil {
		return fmt.Errorf("write the sessions: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if err := errors.Join(sessions.WriteLines(f), f.Close()); err != nil {
		return fmt.Errorf("write the sessions: %w", err)
	}
	_, _ = fmt.Fprintf(log, "training on %d sessions of %d items\n", sessions.Len(), len(sessions.Items))
	_, err = proc.Run(ctx, server.Bin, "train", "--events", f.Name(), "--data", server.Dir)
	return err
}

// measure runs the rounds.
func (s *settings) measure(ctx context.Context, l pace.Load, log io.Writer) (*report, error) {
	r := &report{Mode: s.mode, Closed: s.closed, Conns: l.Conns, Seconds: s.duration.Seconds()}
	if !s.closed {
		r.Rate = s.rate
	}
	bytes, err := answerBytes(l)
	if err != nil {
		return nil, err
	}
	r.AnswerBytes = bytes
	for n := range max(s.rounds, 1) {
		var round round
		for i := range 3 { // control, ours, control
			if i != 1 && !s.control {
				continue
			}
			res, err := s.once(ctx, l, i != 1, bytes)
			if err != nil {
				return nil, err
			}
			if i == 1 {
				round.Ours = res
			} else {
				round.Control = append(round.Control, res)
			}
		}
		r.Rounds = append(r.Rounds, round)
		_, _ = fmt.Fprintf(log, "round %d: %s\n", n+1, round)
	}
	r.sum()
	return r, nil
}

// answerBytes asks once, to know how long the control's answers must be.
func answerBytes(l pace.Load) (int, error) {
	c := wire.Conn{Addr: l.Addr, Key: l.Key}
	defer c.Close()
	var step replay.Step
	l.Cursor(0).Next(&step)
	length := 0
	for _, op := range l.Plan[len(l.Plan)/2] { // of mixed, the request for recommendations
		res, err := c.Do("POST", op.Path, op.Build(nil, &step, time.Now().UnixMilli()))
		if err != nil {
			return 0, fmt.Errorf("first request: %w", err)
		}
		if !res.OK() {
			return 0, fmt.Errorf("first request: status %d: %s", res.Status, res.Body)
		}
		length = len(res.Body)
	}
	return length, nil
}

// once measures the server, or the control in a process of its own that lives
// for this measurement only.
func (s *settings) once(ctx context.Context, l pace.Load, ctl bool, bytes int) (res pace.Result, err error) {
	if ctl {
		p, addr, err := s.startControl(ctx, bytes)
		if err != nil {
			return res, err
		}
		defer func() { _ = p.Kill() }() // it has nothing to save
		l = onControl(l, addr)
	}
	if s.closed {
		return pace.Closed(ctx, l)
	}
	return pace.Open(ctx, l)
}

// onControl sends the same requests to the control.
func onControl(l pace.Load, addr string) pace.Load {
	l.Addr = addr
	units := make([]pace.Unit, len(l.Plan))
	for i, u := range l.Plan {
		for _, op := range u {
			op.Path, op.Want, op.Items = control.Path, "", 0
			units[i] = append(units[i], op)
		}
	}
	l.Plan = units
	return l
}

func (s *settings) startControl(ctx context.Context, bytes int) (*proc.Process, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", fmt.Errorf("find this program: %w", err)
	}
	addr, err := proc.FreeAddr()
	if err != nil {
		return nil, "", err
	}
	items := cmp.Or(s.items, 20)
	if s.mode == "events" {
		items = 0
	}
	p, err := proc.Start(s.core, nil, self, "control", "--listen", addr,
		"--items", strconv.Itoa(items), "--bytes", strconv.Itoa(bytes))
	if err != nil {
		return nil, "", err
	}
	ready, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := p.WaitListening(ready, addr); err != nil {
		return nil, "", errors.Join(err, p.Kill())
	}
	return p, addr, nil
}

// median of a figure over rounds; 0 for none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
