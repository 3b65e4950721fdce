package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/go-json-experiment/json"
)

// printFlag prints the configuration instead of running.
type printFlag struct {
	PrintConfig bool `help:"Print the configuration as JSON, in the form that --config reads, secrets redacted, and stop."`
}

// redacted is what stands for a secret that is set.
const redacted = "(redacted)"

// commandLineOnly are flags that make no sense in a file.
var commandLineOnly = []string{"help", "config", "print-config"}

// printConfig prints every flag of the command under its own name.
func printConfig(out io.Writer, command *kong.Node, secrets ...string) error {
	shown := map[string]any{}
	for _, f := range command.Flags {
		v := f.Target.Interface()
		switch d, isDuration := v.(time.Duration); {
		case slices.Contains(commandLineOnly, f.Name):
			continue
		case slices.Contains(secrets, f.Name) && v != "":
			v = redacted
		case isDuration:
			v = d.String()
		}
		shown[f.Name] = v
	}
	return writeJSON(out, shown)
}

// fileValues are the flags of a configuration file. Names are the flags', with
// - or _; flags of one command may stand in an object under its name.
type fileValues map[string]any

// configFile reads flags from a JSON object.
func configFile(r io.Reader) (kong.Resolver, error) {
	values := fileValues{}
	if err := json.UnmarshalRead(r, (*map[string]any)(&values)); err != nil {
		return nil, fmt.Errorf("the configuration file is not a JSON object: %w", err)
	}
	return values, nil
}

func flagName(name string) string { return strings.ReplaceAll(name, "_", "-") }

// Validate refuses names that mean nothing: a misspelt flag would silently
// keep its default.
func (v fileValues) Validate(app *kong.Application) error {
	unknown := unknownNames(app.Node, v, "")
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return fmt.Errorf("the configuration file names what is no flag: %s", strings.Join(unknown, ", "))
}

// unknownNames lists the names that are neither a flag of the command or of one
// below it, nor such a command with an object of its own.
func unknownNames(command *kong.Node, values map[string]any, path string) []string {
	flags := map[string]bool{}
	// The visitor never fails.
	_ = kong.Visit(command, func(n kong.Visitable, next kong.Next) error {
		if f, ok := n.(*kong.Flag); ok && !slices.Contains(commandLineOnly, f.Name) {
			flags[f.Name] = true
		}
		return next(nil)
	})
	var unknown []string
	for name, v := range values {
		if child, below := section(command, name, v); child != nil {
			unknown = append(unknown, unknownNames(child, below, path+name+".")...)
		} else if !flags[flagName(name)] {
			unknown = append(unknown, path+name)
		}
	}
	return unknown
}

// section is the command of that name below another and its object, nil when
// the name stands for no command. "train" is a command and a flag: the object
// tells.
func section(command *kong.Node, name string, value any) (*kong.Node, map[string]any) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, nil
	}
	for _, child := range command.Children {
		if child.Name == name {
			return child, object
		}
	}
	return nil, nil
}

// Resolve finds a flag in the file: in the object of its command first, then
// outside of it.
func (v fileValues) Resolve(_ *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if _, set := os.LookupEnv(env); set {
			return nil, nil // the environment is stronger than the file
		}
	}
	var found any
	object := map[string]any(v)
	for _, command := range commands(parent) {
		if command.Parent != nil {
			object, _ = object[command.Name].(map[string]any)
		}
		for name, value := range object {
			if child, _ := section(command, name, value); child != nil {
				continue
			}
			if flagName(name) == flag.Name && value != "" { // "" is how an unset flag is printed
				found = value // the innermost wins
			}
		}
	}
	return found, nil
}

// commands are the nodes from the program to the command of a flag.
func commands(parent *kong.Path) []*kong.Node {
	var nodes []*kong.Node
	for n := parent.Node(); n != nil; n = n.Parent {
		nodes = append(nodes, n)
	}
	slices.Reverse(nodes)
	return nodes
}
