package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// targetFlags say where a command works: on the files of a stopped server, or
// through the control plane of a running one.
type targetFlags struct {
	Data   string `help:"Data directory of a stopped server." placeholder:"DIR" xor:"target"`
	Server string `help:"Address of a running server, e.g. http://127.0.0.1:8080." placeholder:"URL" xor:"target"`
	Key    string `help:"Secret key (sk_…) for --server." placeholder:"KEY"`
	Site   string `default:"main" help:"Site to work on with --data (${default}); with --server the key decides."`
}

// check tells what is wrong with the place to work at.
func (t targetFlags) check(p *problems) {
	if t.Data == "" && t.Server == "" {
		p.addf("say where to work: --data DIR for a stopped server, or --server URL --key sk_… for a running one")
	}
	if t.Server != "" && !webAddress(t.Server) {
		p.addf("--server %q is not a URL such as http://127.0.0.1:8080", t.Server)
	}
	if t.Server != "" && t.Key == "" {
		p.addf("--server needs --key with a secret key (sk_…)")
	}
	if t.Data != "" {
		checkSite(p, t.Site)
	}
}

// checkStore refuses a directory that holds no store: a typing error must not
// make one.
func (t targetFlags) checkStore(p *problems) {
	if t.Data != "" && !storeExists(t.Data) {
		p.failf("there is no store in --data %s; `nextbest serve --data %s` or `nextbest keys create --data %s` makes one", t.Data, t.Data, t.Data)
	}
}

// ready is both checks.
func (t targetFlags) ready() error {
	var p problems
	t.check(&p)
	t.checkStore(&p)
	return p.err()
}

// remote calls the control plane of a running server.
type remote struct {
	base, key string
	http      *http.Client
}

func (t targetFlags) remote() remote {
	return remote{base: strings.TrimRight(t.Server, "/"), key: t.Key, http: &http.Client{Timeout: 30 * time.Minute}}
}

// problem is the part of problem+json that a person at a terminal needs.
type problem struct {
	Title, Detail, Code string
	RequestID           string `json:"request_id"`
	Errors              []struct{ Pointer, Detail string }
}

// do sends body and decodes the answer into out, which may be nil.
func (r remote) do(ctx context.Context, method, path, contentType string, body io.Reader, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, body)
	if err != nil {
		return usagef("--server %q is not a URL: %w", r.base, err)
	}
	req.Header.Set("Authorization", "Bearer "+r.key)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := r.http.Do(req)
	if err != nil {
		return fmt.Errorf("the server at %s does not answer: %w", r.base, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	if res.StatusCode >= 300 {
		return refusal(res.StatusCode, answer)
	}
	if out == nil || len(answer) == 0 {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("the answer of %s is not what this version expects: %w", path, err)
	}
	return nil
}

// doJSON is do with a JSON body.
func (r remote) doJSON(ctx context.Context, method, path string, in, out any) error {
	if in == nil {
		return r.do(ctx, method, path, "", nil, out)
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return r.do(ctx, method, path, "application/json", bytes.NewReader(body), out)
}

func refusal(status int, answer []byte) error {
	var p problem
	if json.Unmarshal(answer, &p) != nil || p.Code == "" {
		return fmt.Errorf("the server answered %d: %.200s", status, answer)
	}
	msg := fmt.Sprintf("the server refused (%d %s): %s", status, p.Code, p.Detail)
	for _, e := range p.Errors {
		msg += fmt.Sprintf("\n  %s: %s", e.Pointer, e.Detail)
	}
	return errors.New(msg)
}
