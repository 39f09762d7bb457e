package acceptance

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact"
)

// noLeaks fails when the host has anything that it had not before the script.
func noLeaks(ts *testscript.TestScript, _ bool, _ []string) {
	before := ts.Value("before").(state)
	var added []string
	// a plugin's process needs a moment to end after packer has
	for range 240 {
		now, err := host(ts.Getenv("WORK"))
		ts.Check(err)
		if added = now.since(before); len(added) == 0 {
			return
		}
		time.Sleep(250 * time.Millisecond)
	}
	ts.Fatalf("left behind:\n  %s", strings.Join(added, "\n  "))
}

// noSecrets SECRET FILE... fails when a file holds the secret in any form in
// which it could be written.
func noSecrets(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: no-secrets SECRET FILE...")
	}
	redact.Add(args[0])
	for _, name := range args[1:] {
		text := ts.ReadFile(name)
		if len(text) == 0 {
			ts.Fatalf("%s is empty: nothing was searched", name)
		}
		for i, line := range strings.Split(text, "\n") {
			if masked := redact.String(line); strings.Count(masked, redact.Mask) > strings.Count(line, redact.Mask) {
				ts.Fatalf("%s:%d holds the secret: %s", name, i+1, masked)
			}
		}
	}
}

// json FILE PATH WANT compares one field of a JSON file; PATH is dotted, and
// WANT "*" accepts anything but an empty value.
func jsonField(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: json FILE PATH WANT")
	}
	data, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	var v any
	ts.Check(json.Unmarshal(data, &v))
	for _, step := range strings.Split(args[1], ".") {
		m, ok := v.(map[string]any)
		if !ok || m[step] == nil {
			ts.Fatalf("%s has no field %s", args[0], args[1])
		}
		v = m[step]
	}
	got := fmt.Sprint(v)
	same := got == args[2] || args[2] == "*" && got != "" && got != "0"
	if same == neg {
		ts.Fatalf("%s: %s is %q, want %q (negated: %v)", args[0], args[1], got, args[2], neg)
	}
}
