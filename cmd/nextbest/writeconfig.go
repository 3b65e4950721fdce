package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nextbest/nextbest/internal/fault"
)

// writeBlend puts the placements' blend into a configuration file and leaves
// the rest of it alone; a file that is not there is made. Where serve has a
// blend of its own in the file, that is the one.
func writeBlend(path string, names []string, rule blendRule) error {
	body, err := os.ReadFile(path)
	mode := os.FileMode(0o600)
	switch {
	case errors.Is(err, os.ErrNotExist):
		body = []byte("{}")
	case err != nil:
		return fmt.Errorf("read the configuration: %w", err)
	default:
		if info, err := os.Stat(path); err == nil {
			mode = info.Mode().Perm()
		}
	}
	var file map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber() // numbers stay as they are written
	if err := dec.Decode(&file); err != nil || file == nil {
		return fault.Invalidf("config", "--write-config %s is not a JSON object: name a configuration file or one that does not exist yet", path)
	}
	blend, err := blendOfFile(file, path)
	if err != nil {
		return err
	}
	for _, name := range names {
		blend[name] = rule
	}
	var out bytes.Buffer
	if err := writeJSON(&out, file); err != nil {
		return err
	}
	return replaceFile(path, out.Bytes(), mode)
}

// blendOfFile is the object that serve reads, made when there is none.
func blendOfFile(file map[string]any, path string) (map[string]any, error) {
	at := file
	if serve, ok := file["serve"].(map[string]any); ok {
		if _, has := serve["blend"]; has {
			at = serve
		}
	}
	switch blend := at["blend"].(type) {
	case map[string]any:
		return blend, nil
	case nil:
		made := map[string]any{}
		at["blend"] = made
		return made, nil
	}
	return nil, fault.Invalidf("config", `--write-config %s: "blend" is not an object of placements`, path)
}

// replaceFile writes beside the file and moves it there: what reads it sees the
// old or the new one.
func replaceFile(path string, body []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	_, err = f.Write(body)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the configuration: %w", err), os.Remove(f.Name()))
	}
	return nil
}
